"""What became of the items in a file or folder."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from pathlib import Path

from genwright.errors import DataError

__all__ = ["Tally", "Unreadable"]

_NAMED = 3


class Unreadable(UserWarning):
    """Items were passed over because they could not be read."""


@dataclass(kw_only=True)
class Tally:
    """How many items of one file or folder were read and passed over, and the names of the first few of those.

    of: what an item is called, such as "image"
    """

    path: Path
    strict: bool
    of: str
    read: int = 0
    refused: int = 0
    named: list[str] = field(default_factory=list)

    def refuse(self, name: str, flaw: str, *, count: int = 1) -> None:
        """Count an item that could not be read, or several of one flaw. Raises DataError if strict."""
        if self.strict:
            raise DataError(f"{self.path}, {name}: {flaw} Mend or remove it, or read without strict.")
        self.refused += count
        if len(self.named) < _NAMED:
            self.named.append(f"{name}: {flaw}")

    def close(self) -> None:
        """Warn of what was passed over. Raises DataError if nothing was read."""
        if not self.read:
            raise DataError(f"{self.path} holds no {self.of} that can be read. {' '.join(self.named)}".rstrip())
        if self.refused:
            more = f" And {self.refused - len(self.named):,} more." if self.refused > len(self.named) else ""
            warnings.warn(
                f"{self.path}: read {self.read:,} {self.of}s and passed over {self.refused:,}. "
                f"{' '.join(self.named)}{more}",
                Unreadable,
                stacklevel=2,
            )
