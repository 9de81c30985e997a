"""How long something learns, and what it tells on the way."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import final

from torch import Tensor

__all__ = ["Pace"]


@final
@dataclass(kw_only=True)
class Pace:
    """So many steps, or, if that is less, as many as there is time for.

    seconds: None for all the time that the steps take
    every:   after how many steps a line is printed
    """

    steps: int
    seconds: float | None = None
    every: int = 100
    lines: list[str] = field(default_factory=list)
    taken: int = 0

    def run(self, step: Callable[[int, float], Mapping[str, Tensor]]) -> None:
        """Take the steps, each of which is given its number and how much is done, and returns its losses."""
        began = time.monotonic()
        for number, done in self._shares(began):
            losses = step(number, done)
            self.taken = number + 1
            if self.taken % self.every == 0 or self.taken == self.steps:
                told = "  ".join(f"{name} {float(loss.detach()):.4f}" for name, loss in losses.items())
                line = f"step {self.taken:,} of {self.steps:,}  {told}  {time.monotonic() - began:.0f} s\n"
                self.lines.append(line)
                print(line, end="", flush=True)

    def _shares(self, began: float) -> Iterator[tuple[int, float]]:
        for number in range(self.steps):
            spent = 0.0 if self.seconds is None else (time.monotonic() - began) / self.seconds
            if spent >= 1:
                return
            yield number, max(spent, number / self.steps)
