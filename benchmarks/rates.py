"""How fast things are done that are done in turns: on the clock and by the processor."""

from __future__ import annotations

import resource
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import final

from benchmarks.clock import Repeated
from benchmarks.row import Row, Target

__all__ = ["Rate", "Spent", "rate_row", "rates", "ratio_row", "spent"]


@final
@dataclass(frozen=True)
class Spent:
    """What it took to do something `count` times: seconds on the clock, and of processor time.

    processor: of the processes that do it, not of a server that they call
    """

    count: int
    clock: float
    processor: float


@final
@dataclass(frozen=True)
class Rate:
    """The same work, done several times."""

    rounds: Sequence[Spent]

    @property
    def each(self) -> Repeated:
        """How many were done in a second on the clock."""
        return Repeated(tuple(round.count / round.clock for round in self.rounds))

    @property
    def processor(self) -> float:
        """The median of the microseconds of processor time that one took."""
        return statistics.median(1e6 * round.processor / round.count for round in self.rounds)


def spent(count: int, work: Callable[[], object]) -> Spent:
    """Return what it takes to do work once that handles `count` things."""
    clock, processor = time.perf_counter(), _processor()
    work()
    return Spent(count, time.perf_counter() - clock, _processor() - processor)


def rates(work: Mapping[str, Callable[[], Spent]], *, rounds: int) -> dict[str, Rate]:
    """Return the rate of each piece of work by its name.

    All are done in turns, so that what else the machine does falls on all of them alike. Each measures itself, so that
    what it first makes ready does not count.
    """
    done: dict[str, list[Spent]] = {name: [] for name in work}
    for _ in range(rounds):
        for name, each in work.items():
            done[name].append(each())
    return {name: Rate(found) for name, found in done.items()}


def rate_row(
    section: str,
    name: str,
    found: Mapping[str, Rate],
    *,
    ours: str = "ours",
    unit: str = "rows/s",
    target: Target | None = None,
    note: str = "",
) -> Row:
    """Return the row of our rate, with those of all others as peers and how ours stands to each in the note."""
    others = {peer: rate for peer, rate in found.items() if peer != ours}
    told = [
        f"{found[ours].each.over(rate.each).median:.3g} times {peer}, which takes {rate.processor:.3g} CPU-µs."
        for peer, rate in others.items()
    ]
    return Row(
        section=section,
        name=name,
        value=found[ours].each.median,
        unit=unit,
        spread=found[ours].each.spread,
        processor=found[ours].processor,
        target=target,
        peers={peer: rate.each.median for peer, rate in others.items()},
        note=" ".join([*told, note]).strip(),
    )


def ratio_row(
    section: str, name: str, ours: Rate, other: tuple[str, Rate], *, target: Target | None = None, note: str = ""
) -> Row:
    """Return the row of how many times as fast we are as another, round by round; the other's own rate is its peer."""
    peer, rate = other
    times = ours.each.over(rate.each)
    return Row(
        section=section,
        name=name,
        value=times.median,
        unit="times",
        spread=times.spread,
        processor=ours.processor,
        target=target,
        note=f"{peer}: {rate.each.median:,.0f}/s ({rate.each.spread[0]:,.0f} to {rate.each.spread[1]:,.0f}), "
        f"{rate.processor:,.0f} CPU-µs each; ours: {ours.each.median:,.0f}/s. {note}".strip(),
    )


def _processor() -> float:
    """Return the processor time of this process, and of those that it began and that ended."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + ended.ru_utime + ended.ru_stime
