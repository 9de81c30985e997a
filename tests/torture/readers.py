"""A reader while another process writes: it sees every acknowledged sample, and never a part of a batch."""

from __future__ import annotations

import ctypes
import random
import time
from collections import Counter
from contextlib import closing
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from typing import Any

from genwright.run import Run
from genwright.store import Store, open_store
from tests.torture.processes import context, start
from tests.torture.tally import Tally
from tests.torture.workload import batches, edges, record, seeded_run

__all__ = ["torture"]

# A run grows so long, and another begins: each reading is of all that it has.
_LONGEST = 1500


def torture(rounds: int, seed: int, folder: Path, *, url: str | None = None) -> Tally:
    """Read so many times while one process writes.

    url: of the store; None for a new one in the folder
    """
    url, chance = url or f"sqlite:///{folder / 'readers'}", random.Random(seed)
    runs = [seeded_run(chance) for _ in range(100)]
    count: Synchronized[int] = context().Value(ctypes.c_long, 0)
    losses, seen = Counter(lost=0, halved=0), 0
    with closing(open_store(url)) as store:
        store.put_run(runs[0])
        writer = start(_write, url, runs, count.get_obj())
        while not count.value and writer.exitcode is None:
            time.sleep(0.001)
        for _ in range(rounds):
            assert writer.exitcode is None, f"the writer should go on; it ended with {writer.exitcode}"
            acknowledged = count.value
            found = _read(store, runs[acknowledged // _LONGEST], acknowledged % _LONGEST)
            seen += found.pop("seen")
            losses.update(found)
        writer.kill()
        writer.join()
    return Tally(rounds=rounds, acknowledged=seen, losses=losses)


def _read(store: Store, run: Run, acknowledged: int) -> Counter[str]:
    kept, is_whole = 0, True
    for stored in store.samples(run=run.id):
        is_whole = is_whole and stored == record(run, kept)
        kept += 1
    lost = 0 if kept >= acknowledged and is_whole else 1
    return Counter(lost=lost, halved=int(kept not in edges(kept)), seen=kept)


def _write(url: str, runs: list[Run], count: Any) -> None:
    with closing(open_store(url)) as store:
        for number, run in enumerate(runs):
            store.put_run(run)
            count.value = number * _LONGEST
            for batch in batches(run):
                if batch[-1].index + 1 >= _LONGEST:
                    break
                store.put_samples(batch)
                count.value = number * _LONGEST + batch[-1].index + 1
