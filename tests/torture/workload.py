"""What is written under every fault, known beforehand to the last byte and compared with what is left."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence

from genwright.run import Run
from genwright.store import Record
from genwright.testing.stores import make_record, make_run

__all__ = ["LARGE", "batches", "edges", "record", "seeded_run"]

# Over the 64 KiB up to which a payload lies in its row: it becomes a file.
LARGE = 70_000


def seeded_run(chance: random.Random, *, planned: int = 100_000) -> Run:
    """Return a run whose id depends on nothing but the seed."""
    return make_run(id=f"{chance.getrandbits(128):032x}", planned=planned)


def record(run: Run, index: int) -> Record:
    """Return the sample of a run with this index; every ninth is large, every other has a prompt and parameters."""
    payload = f"{run.id}/{index}".encode()
    if index % 9 == 4:
        payload = payload.ljust(LARGE, b"x")
    texts = {"prompt": f"a molecule like {index}", "parameters": f'{{"index": {index}}}'} if index % 2 else {}
    flaw = "it is too heavy" if index % 5 == 0 else None
    return make_record(run, index, seed=run.seed + index, payload=payload, flaw=flaw, **texts)


def batches(run: Run) -> Iterator[Sequence[Record]]:
    """Yield batches of one to seven samples, without end."""
    for start, end in itertools.pairwise(_starts()):
        yield [record(run, index) for index in range(start, end)]


def edges(count: int) -> set[int]:
    """Return how many of up to `count` samples there can be, if none but whole batches are there."""
    return set(itertools.takewhile(lambda start: start <= count, _starts()))


def _starts() -> Iterator[int]:
    start = 0
    while True:
        yield start
        start += start % 7 + 1
