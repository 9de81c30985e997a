"""A writer killed at any moment: while it opens or makes a store, writes payloads, rows or the ledger.

What a killed process has handed to the system stays, so this shows that a call leaves whole batches and no row without
its payload at whatever instruction it ends. It cannot show that what is acknowledged is on the disk: see `powercuts`.
"""

from __future__ import annotations

import random
import shutil
from contextlib import closing
from multiprocessing.connection import Connection
from pathlib import Path

from genwright.run import Run
from genwright.store import open_store
from tests.torture.aftermath import NOTHING, aftermath, no_losses
from tests.torture.processes import context, last_said, start
from tests.torture.tally import Tally
from tests.torture.workload import batches, seeded_run

__all__ = ["torture"]

# So many writers are killed on one store, each going on from what the last has left; then comes a new one.
_ROUNDS_A_STORE = 10
_LONGEST = 0.12


def torture(rounds: int, seed: int, folder: Path) -> Tally:
    """Kill a writer so many times."""
    chance, total = random.Random(seed), Tally(rounds=0, acknowledged=0, losses=no_losses())
    for first in range(0, rounds, _ROUNDS_A_STORE):
        place = folder / f"kills-{first}"
        place.mkdir()
        acknowledged: list[tuple[Run, int]] = []
        for _ in range(min(_ROUNDS_A_STORE, rounds - first)):
            url, run = f"sqlite:///{place / 'store'}", seeded_run(chance)
            count = _killed(url, run, chance.uniform(0, _LONGEST), has_begun=chance.random() < 0.5)
            acknowledged.append((run, count))
            total += Tally(rounds=1, acknowledged=max(count, 0), losses=aftermath(url, acknowledged))
        shutil.rmtree(place)
    return total


def _killed(url: str, run: Run, seconds: float, *, has_begun: bool) -> int:
    """Return how many samples were acknowledged by a writer that lived for so long.

    has_begun: whether that counts from when its run is there, and not from when it opens the store
    """
    receiver, sender = context().Pipe(duplex=False)
    writer = start(_write, url, run, sender)
    sender.close()
    receiver.recv()
    if has_begun:
        receiver.recv()
    writer.join(seconds)
    assert writer.exitcode is None, f"the writer should write until it is killed; it ended with {writer.exitcode}"
    writer.kill()
    writer.join()
    writer.close()
    return last_said(receiver, 0 if has_begun else NOTHING)


def _write(url: str, run: Run, sender: Connection) -> None:
    sender.send(NOTHING)
    with closing(open_store(url)) as store:
        store.put_run(run)
        sender.send(0)
        for batch in batches(run):
            store.put_samples(batch)
            sender.send(batch[-1].index + 1)
