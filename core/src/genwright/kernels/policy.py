"""What was asked for of implementations, for as long as it is asked."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import final

__all__ = ["AUTOMATIC", "POLICY", "REFERENCE", "Policy"]

AUTOMATIC = "automatic"
"""The choice that follows the tables and falls back."""

REFERENCE = "reference"
"""The name of the plain implementation of every operation."""


@final
@dataclass(frozen=True, kw_only=True)
class Policy:
    """Which implementation each operation takes.

    everywhere: the choice for operations not in `each`: the name of an implementation, or "automatic"
    each:       the choice for an operation, by its name
    invariant:  whether a row's bits may not depend on the rows beside it
    """

    everywhere: str = AUTOMATIC
    each: Mapping[str, str] = field(default_factory=dict)
    invariant: bool = False

    def choice(self, operation: str) -> str:
        """Return the name of the implementation that an operation takes, or "automatic"."""
        return self.each.get(operation, self.everywhere)


POLICY: ContextVar[Policy] = ContextVar("POLICY", default=Policy())  # noqa: B039 - it is frozen
