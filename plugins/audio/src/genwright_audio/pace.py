"""How long something learns, and what it tells on the way."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import final

from torch import Tensor

from genwright.errors import OptionError, TrainingError

__all__ = ["Pace", "check_least"]


@final
@dataclass(kw_only=True)
class Pace:
    """So many steps, or, if that is less, as many as there is time for.

    seconds: None for all the time that the steps take
    every:   after how many steps a line is printed

    Raises OptionError for no step, or no time.
    """

    steps: int
    seconds: float | None = None
    every: int = 100
    lines: list[str] = field(default_factory=list)
    taken: int = 0

    def __post_init__(self) -> None:
        check_least(self, steps=1, every=1)
        if self.seconds is not None and not self.seconds > 0:
            raise OptionError(
                f"training takes more than 0 seconds; got {self.seconds:g}. Give it some, or none for all steps."
            )

    def run(self, step: Callable[[int, float], Mapping[str, Tensor]]) -> None:
        """Take the steps, each of which is given its number and how much is done, and returns its losses.

        Raises TrainingError where a loss is no number at a line, or at the end: one that was once, is from then on.
        """
        began, losses = time.monotonic(), dict[str, Tensor]()
        for number, done in self._shares(began):
            losses = {**step(number, done)}
            self.taken = number + 1
            if self.taken % self.every == 0 or self.taken == self.steps:
                told = "  ".join(f"{name} {loss:.4f}" for name, loss in self._numbers(losses).items())
                line = f"step {self.taken:,} of {self.steps:,}  {told}  {time.monotonic() - began:.0f} s\n"
                self.lines.append(line)
                print(line, end="", flush=True)
        self._numbers(losses)

    def _numbers(self, losses: Mapping[str, Tensor]) -> dict[str, float]:
        """Return losses as numbers. Raises TrainingError for one that is not finite."""
        found = {name: float(loss.detach()) for name, loss in losses.items()}
        for name, loss in found.items():
            if not math.isfinite(loss):
                raise TrainingError(
                    f"losses are finite; {name!r} became {loss} by step {self.taken}. "
                    "Train with other recordings, fewer steps or a smaller network."
                )
        return found

    def _shares(self, began: float) -> Iterator[tuple[int, float]]:
        for number in range(self.steps):
            spent = 0.0 if self.seconds is None else (time.monotonic() - began) / self.seconds
            if spent >= 1:
                return
            yield number, max(spent, number / self.steps)


def check_least(plan: object, **least: int) -> None:
    """Raise OptionError for a plan of which a number, by its name, is less than it can be."""
    for name, number in least.items():
        if getattr(plan, name) < number:
            raise OptionError(
                f"{name} is a whole number from {number}; got {getattr(plan, name)}. Choose another {name}."
            )
