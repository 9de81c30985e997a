"""What was asked for of implementations, for as long as it is asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, final

from genwright.errors import OptionError, shown

__all__ = ["AUTOMATIC", "POLICY", "REFERENCE", "Policy", "applied"]

AUTOMATIC = "automatic"
"""The choice that follows the tables and falls back."""

REFERENCE = "reference"
"""The name of the plain implementation of every operation."""


@final
@dataclass(frozen=True, kw_only=True)
class Policy:
    """Which implementation each operation takes.

    everywhere: the choice for operations not in `each`: the name of an implementation, for those that have it, or
                "automatic"
    each:       the choice for an operation, by its name
    invariant:  whether a row's bits may not depend on the rows beside it
    tiled:      whether networks are given as many rows whatever is asked (`rows.TILE`), so that no operation has to see
                to that itself; it is nothing that was asked for, and so left out of what is written down
    """

    everywhere: str = AUTOMATIC
    each: Mapping[str, str] = field(default_factory=dict)
    invariant: bool = False
    tiled: bool = field(default=False, compare=False, repr=False)

    def choice(self, operation: str) -> str:
        """Return the name of the implementation that an operation takes, or "automatic"."""
        return self.each.get(operation, self.everywhere)

    def to_json(self) -> dict[str, Any]:
        """Return plain data that `from_json` makes an equal policy of; empty if nothing was asked for."""
        everywhere = {} if self.everywhere == AUTOMATIC else {"everywhere": self.everywhere}
        each = {"each": dict(self.each)} if self.each else {}
        return {**everywhere, **each, **({"invariant": True} if self.invariant else {})}

    def entry(self) -> dict[str, Any]:
        """Return what a run's config says of it: nothing if nothing was asked for, as before anything could be."""
        return {"kernels": asked} if (asked := self.to_json()) else {}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Policy:
        """Return the policy that `to_json` wrote. Raises OptionError for what it does not write."""
        if not _is_written(data):
            raise OptionError(
                "what is asked of kernels is a table of everywhere (a name), each (names by operation) and invariant "
                f"(true or false); got {shown(data)}. If a newer Genwright wrote it, read it with that one."
            )
        return cls(**data)


def _is_written(data: object) -> bool:
    if not isinstance(data, Mapping) or not data.keys() <= {"everywhere", "each", "invariant"}:
        return False
    each = data.get("each", {})
    if not isinstance(each, Mapping) or not all(isinstance(text, str) for pair in each.items() for text in pair):
        return False
    return isinstance(data.get("everywhere", ""), str) and isinstance(data.get("invariant", False), bool)


POLICY: ContextVar[Policy] = ContextVar("POLICY", default=Policy())  # noqa: B039 - it is frozen


@contextmanager
def applied(policy: Policy) -> Iterator[None]:
    """Have a policy stand for a while, in the place of the one around it."""
    token = POLICY.set(policy)
    try:
        yield
    finally:
        POLICY.reset(token)
