"""What came out of a number of rounds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import final

__all__ = ["Tally"]


@final
@dataclass(frozen=True, kw_only=True)
class Tally:
    """How many rounds there were, how many samples were acknowledged in them, and what was lost.

    losses:  how many of each kind of loss were found, with a zero for each that was looked for
    remarks: what else a reader of the table should know
    """

    rounds: int
    acknowledged: int
    losses: Mapping[str, int]
    remarks: tuple[str, ...] = field(default=())

    @property
    def is_clean(self) -> bool:
        """Whether something was done, and nothing lost."""
        return self.rounds > 0 and not any(self.losses.values())

    def __add__(self, other: Tally) -> Tally:
        losses = Counter(dict.fromkeys([*self.losses, *other.losses], 0))
        for tally in (self, other):
            losses.update(tally.losses)
        return Tally(
            rounds=self.rounds + other.rounds,
            acknowledged=self.acknowledged + other.acknowledged,
            losses=losses,
            remarks=tuple(dict.fromkeys(self.remarks + other.remarks)),
        )

    def __str__(self) -> str:
        found = ", ".join(f"{count:,} {loss}" for loss, count in self.losses.items())
        return f"{self.rounds:,} rounds, {self.acknowledged:,} samples acknowledged: {found}"
