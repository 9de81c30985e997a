"""Processor time of work that is done in turns."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import final

__all__ = ["Repeated", "interleaved"]


@final
@dataclass(frozen=True)
class Repeated:
    """The same number measured several times."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle one."""
        return statistics.median(self.values)

    @property
    def spread(self) -> tuple[float, float]:
        """The smallest and the largest."""
        return min(self.values), max(self.values)

    def over(self, other: Repeated) -> Repeated:
        """Return how many times as much it is as something else, measurement by measurement."""
        return Repeated(tuple(a / b for a, b in zip(self.values, other.values, strict=True)))

    def rate(self, count: float) -> Repeated:
        """Return how many of `count` things are done a second, where these are the seconds that they take."""
        return Repeated(tuple(count / each for each in self.values))


def interleaved(
    work: Mapping[str, Callable[[], object]],
    *,
    repetitions: int,
    clock: Callable[[], float] = time.process_time,
    warm: bool = True,
) -> dict[str, Repeated]:
    """Return how many seconds each piece of work takes, by name.

    Each is done once unmeasured, then all in turns, so that what else the machine does falls on all of them alike.

    clock: by default the processor time of this process and its threads, which waiting for others does not raise
    warm:  whether each is done unmeasured before
    """
    for each in work.values() if warm else ():
        each()
    seconds: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(repetitions):
        for name, each in work.items():
            start = clock()
            each()
            seconds[name].append(clock() - start)
    return {name: Repeated(tuple(values)) for name, values in seconds.items()}
