"""What a benchmark is run with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import final

__all__ = ["Setting"]


@final
@dataclass(frozen=True, kw_only=True)
class Setting:
    """The arguments of a run.

    model:   its name, its domain's name, or a folder
    quick:   measure less, for trying things; the numbers are not for publication
    samples: how many the section on quality draws
    scratch: a folder for stores and outputs, removed afterwards
    """

    model: str
    quick: bool
    samples: int
    scratch: Path
    seed: int = 7

    def scaled(self, full: int, quick: int) -> int:
        """Return one of two sizes."""
        return quick if self.quick else full
