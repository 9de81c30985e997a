"""Which recorded samples to draw again: those of some runs, all or a few at random."""

from __future__ import annotations

import warnings
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate, islice, pairwise
from typing import NamedTuple

from genwright.errors import UnknownName
from genwright.run import Run
from genwright.seeds import distinct
from genwright.store import Record, Store

__all__ = ["Picked", "everything", "picked", "sampled"]


class Picked(NamedTuple):
    """Runs, those of one model in a row, with how many samples each has or is to have."""

    runs: Sequence[str]
    sizes: Sequence[int]

    @property
    def total(self) -> int:
        """The number of samples of all the runs."""
        return sum(self.sizes)


def picked(store: Store, run: str | None) -> Picked:
    """Return one run, or all that have samples if None. Raises UnknownName if there is no such run."""
    runs = store.runs() if run is None else [store.run(run)]
    # Only what is needed of a run is kept, since a store may hold very many.
    found = [(each.checkpoint, each.environment.device, each.id, _size(store, each)) for each in runs]
    found = [each for each in found if each[-1]]
    if run is None:
        found.sort(key=lambda each: each[:2])
    return Picked([id for *_, id, _ in found], [size for *_, size in found])


def everything(store: Store, those: Picked) -> Iterator[Record]:
    """Yield all samples of some runs, run by run and by index."""
    for run in those.runs:
        yield from store.samples(run=run)


def sampled(store: Store, those: Picked, count: int, seed: int) -> Iterator[Record]:
    """Yield so many samples of some runs, each as likely, run by run and by index; all where there are no more.

    The same seed gives the same ones while no sample is added. No more than `count` numbers are kept.
    """
    if count >= those.total:
        yield from everything(store, those)
        return
    numbers = distinct(seed, count, those.total)
    for run, (start, end) in zip(those.runs, pairwise([0, *accumulate(those.sizes)]), strict=True):
        places = [number - start for number in numbers[bisect_left(numbers, start) : bisect_left(numbers, end)]]
        if places:
            yield from _placed(store, store.run(run), places)


def _size(store: Store, run: Run) -> int:
    if _is_whole(run):
        return run.planned
    return sum(1 for _ in store.samples(run=run.id))


def _is_whole(run: Run) -> bool:
    """Whether a run has the samples 0 to planned - 1, as one that finished does."""
    return run.kind == "generate" and run.state == "finished"


def _placed(store: Store, run: Run, places: Sequence[int]) -> Iterator[Record]:
    """Yield the samples of a run at these places, ascending, among those that it has."""
    if not _is_whole(run):
        wanted = set(places)
        found = enumerate(islice(store.samples(run=run.id), max(places) + 1))
        yield from (record for place, record in found if place in wanted)
        return
    for place in places:
        try:
            yield store.sample(f"{run.id}/{place}")
        except UnknownName:
            warnings.warn(
                f"run {run.id} finished, so it had sample {place}, which the store does not have. "
                "See why: genwright audit verify.",
                stacklevel=2,
            )
