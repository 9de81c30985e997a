"""Numbers computed from samples, with their uncertainty."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

__all__ = ["NOTHING", "Metric", "Report", "Value"]


@dataclass(frozen=True, kw_only=True)
class Value:
    """A number with its standard error (None if it cannot be said) and how many samples it was computed from.

    by: what it was measured by, where a user gave that: with another it is another quantity, so reports name both
    """

    value: float
    error: float | None = None
    count: int = 0
    by: str = ""

    def __format__(self, spec: str) -> str:
        number = format(self.value, spec or ".4g")
        return number if self.error is None else f"{number} ± {self.error:.1g}"

    def __str__(self) -> str:
        return format(self, "")


NOTHING = Value(value=math.nan)
"""The value of a metric for which there are too few samples."""


class Metric(Protocol):
    """What a MetricSpec's target is.

    `samples` and `reference` are what the domain's items were gathered into: the domain's metrics agree on the type
    among themselves through `gather`, so that what several of them need is computed once.
    """

    def __call__(self, samples: Any, reference: Any | None) -> Value | None:
        """Return the value, or None where it needs a reference and none is given."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """A table of metrics: of the samples, and of the reference itself where that says something.

    reference: what metrics were compared with; "" for nothing
    remarks:   by metric, what it was compared with, where that is to be the data that the model was trained on
    """

    title: str
    values: Mapping[str, Value]
    reference: str = ""
    remarks: Mapping[str, str] = field(default_factory=dict)
    baseline: Mapping[str, Value] = field(default_factory=dict)

    def __getitem__(self, metric: str) -> Value:
        return self.values[metric]

    def __iter__(self) -> Iterator[str]:
        return iter(self.values)

    def rows(self) -> Sequence[tuple[str, str, str]]:
        """Return (metric, samples, reference) as text."""
        return [(m, str(v), str(self.baseline[m]) if m in self.baseline else "") for m, v in self.values.items()]

    def to_json(self) -> dict[str, Any]:
        """Return plain data: each metric's value, error and count."""
        return {m: {"value": v.value, "error": v.error, "count": v.count} for m, v in self.values.items()}

    def __str__(self) -> str:
        head = ("", self.title, f"reference {self.reference}" if self.baseline else "")
        table = [head, *self.rows()]
        widths = [max(len(row[column]) for row in table) for column in range(3)]
        lines = ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in table]
        if self.reference and not self.baseline:
            lines.append(f"The reference is {self.reference}.")
        return "\n".join((*lines, *(f"{metric}: {remark}" for metric, remark in self.remarks.items())))
