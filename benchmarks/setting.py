"""What a benchmark is run with."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import final

__all__ = ["Setting"]


@final
@dataclass(frozen=True, kw_only=True)
class Setting:
    """The arguments of a run.

    model:        its name, its domain's name, or a folder
    quick:        measure less, for trying things; the numbers are not for publication
    smoke:        measure next to nothing: only to see that it runs
    samples:      how many the section on quality draws
    rows:         how many a round of the store's puts; what is asked of a large store is asked of ten times as many
    peers_python: the interpreter that has the store's peers, if any
    scratch:      a folder for stores and outputs, removed afterwards
    tunes:        whether the tables of kernels are written anew
    until:        when the section should have ended, on the clock `time.monotonic`; None for whenever it has
    """

    model: str
    quick: bool
    samples: int
    scratch: Path
    seed: int = 7
    smoke: bool = False
    rows: int = 100_000
    peers_python: str | None = None
    tunes: bool = False
    until: float | None = None

    def scaled(self, full: int, quick: int) -> int:
        """Return one of two sizes; of a smoke run, a hundredth of the smaller, and two at least."""
        if self.smoke:
            return max(2, quick // 100)
        return quick if self.quick else full

    @property
    def is_late(self) -> bool:
        """Whether the section should have ended."""
        return self.until is not None and time.monotonic() >= self.until

    def within(self, seconds: float) -> float:
        """Return so many seconds, or as many as are left if these are fewer."""
        return seconds if self.until is None else max(0.0, min(seconds, self.until - time.monotonic()))
