"""A large store with nothing wrong: verifying it finds nothing, in memory that does not grow with its rows."""

from __future__ import annotations

import random
import resource
from contextlib import closing
from multiprocessing.connection import Connection
from pathlib import Path

from genwright.run import Run
from genwright.store import open_store
from genwright.testing.stores import make_record
from tests.torture.processes import context, start
from tests.torture.tally import Tally
from tests.torture.workload import seeded_run

__all__ = ["torture"]

_BATCH = 1000
# What more memory may be taken for four times as many rows. Of a million, a quarter fills the 64 MiB in which SQLite
# keeps pages, and which are the same for any number of rows above.
_MARGIN = 32 * 1024


def torture(rounds: int, seed: int, folder: Path) -> Tally:
    """Verify a store of so many rows, and one of a quarter of them."""
    run, url = seeded_run(random.Random(seed), planned=rounds), f"sqlite:///{folder / 'large'}"
    small, _ = _verified(url, run, 0, rounds // 4)
    large, findings = _verified(url, run, rounds // 4, rounds)
    remark = f"the peak of memory was {large / 1024:.0f} MiB for {rounds:,} rows, {small / 1024:.0f} MiB for a quarter"
    losses = {"false alarms": findings, "grown": int(large > small + _MARGIN)}
    return Tally(rounds=rounds, acknowledged=rounds, losses=losses, remarks=(remark,))


def _verified(url: str, run: Run, first: int, last: int) -> tuple[int, int]:
    """Write the rows, verify the store in a new process, and return its peak in KiB and how much it found."""
    with closing(open_store(url)) as store:
        store.put_run(run)
        for begin in range(first, last, _BATCH):
            store.put_samples([make_record(run, index) for index in range(begin, min(begin + _BATCH, last))])
    receiver, sender = context().Pipe(duplex=False)
    process = start(_verify, url, sender)
    peak, findings = receiver.recv()
    process.join()
    return peak, findings


def _verify(url: str, sender: Connection) -> None:
    with closing(open_store(url)) as store:
        findings = sum(1 for _ in store.verify())
    sender.send((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, findings))
