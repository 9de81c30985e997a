"""One measured number, with what was promised and what others reach."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import final

__all__ = ["Row", "Target", "at_least", "at_most"]


@final
@dataclass(frozen=True, kw_only=True)
class Target:
    """What a value must reach: at least `low`, at most `high`."""

    low: float | None = None
    high: float | None = None

    def is_met(self, value: float) -> bool:
        """Whether a value lies within; NaN never does."""
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high) and value == value

    def __str__(self) -> str:
        bounds = [
            f"≥ {self.low:g}" if self.low is not None else "",
            f"≤ {self.high:g}" if self.high is not None else "",
        ]
        return ", ".join(bound for bound in bounds if bound)


def at_least(low: float) -> Target:
    """Return the target that a value of `low` or more meets."""
    return Target(low=low)


def at_most(high: float) -> Target:
    """Return the target that a value of `high` or less meets."""
    return Target(high=high)


@final
@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table.

    value:     None where it was not measured; `note` says why
    spread:    smallest and largest of the repetitions; of a metric, the value less and plus its standard error
    processor: microseconds of processor time that each of what `value` counts took
    peers:     what others reach, by their name, in the same unit
    """

    section: str
    name: str
    value: float | None
    unit: str = ""
    spread: tuple[float, float] | None = None
    processor: float | None = None
    target: Target | None = None
    peers: Mapping[str, float] = field(default_factory=dict)
    note: str = ""

    @property
    def verdict(self) -> str:
        """ "pass" or "FAIL"; "not measured" for a target without a value; "" without a target."""
        if self.target is None:
            return ""
        if self.value is None:
            return "not measured"
        return "pass" if self.target.is_met(self.value) else "FAIL"
