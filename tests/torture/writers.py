"""Many writers of one run at once, one of which is killed now and then and begun anew until all is there.

Each draws what is missing of its share, in batches of its own size, as the workers of an engine do.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from contextlib import closing
from itertools import islice
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from genwright.errors import StoreLocked
from genwright.run import Run
from genwright.store import Store, open_store
from tests.torture.aftermath import no_losses
from tests.torture.processes import start
from tests.torture.tally import Tally
from tests.torture.workload import record, seeded_run

__all__ = ["torture"]

WRITERS, _PAUSE = 32, 0.2
# Others may hold a store longer than a writer has patience: it ends with this, and is begun anew.
_LOCKED = 3


def torture(rounds: int, seed: int, folder: Path, *, url: str | None = None, writers: int = WRITERS) -> Tally:
    """Have each of the writers write so many samples.

    url: of the store; None for a new one in the folder
    """
    url, chance = url or f"sqlite:///{folder / 'writers'}", random.Random(seed)
    run = seeded_run(chance, planned=writers * rounds)
    with closing(open_store(url)) as store:
        store.put_run(run)
        kills, waits = _finish(url, run, rounds, chance, writers)
        losses = _lost(store, run)
    remark = f"{writers} writers, {kills} of them killed, {waits} ended for want of patience"
    return Tally(rounds=rounds, acknowledged=run.planned, losses=losses, remarks=(remark,))


def _finish(url: str, run: Run, rounds: int, chance: random.Random, writers: int) -> tuple[int, int]:
    """Keep the writers going until each has ended well; return how many were killed, and how many waited too long."""
    shares = {number: _begin(url, run, number, rounds, chance) for number in range(writers)}
    kills = waits = 0
    while shares:
        time.sleep(_PAUSE)
        # One that has ended well may be chosen, or the last would not live long enough to begin.
        if chosen := shares.get(chance.randrange(writers)):
            chosen.kill()
        for number, writer in list(shares.items()):
            if writer.exitcode is None:
                continue
            writer.join()
            if writer.exitcode == 0:
                del shares[number]
                continue
            assert writer.exitcode in (-9, _LOCKED), f"writer {number} ended with {writer.exitcode}"
            kills, waits = kills + (writer.exitcode == -9), waits + (writer.exitcode == _LOCKED)
            shares[number] = _begin(url, run, number, rounds, chance)
    return kills, waits


def _begin(url: str, run: Run, number: int, rounds: int, chance: random.Random) -> ForkServerProcess:
    return start(_write, url, run, range(number * rounds, (number + 1) * rounds), chance.randrange(2**32))


def _write(url: str, run: Run, share: range, seed: int) -> None:
    chance = random.Random(seed)
    try:
        with closing(open_store(url)) as store:
            while batch := _missing(store, run, share, chance.randrange(1, 40)):
                store.put_samples([record(run, index) for index in batch])
    except StoreLocked:
        raise SystemExit(_LOCKED) from None


def _missing(store: Store, run: Run, share: range, count: int) -> list[int]:
    return list(islice((index for index in store.missing(run.id) if index in share), count))


def _lost(store: Store, run: Run) -> Counter[str]:
    """Return what is not there once and whole."""
    found, due = no_losses("twice"), 0
    del found["halved"]
    for stored in store.samples(run=run.id):
        found.update(twice=int(stored.index < due), lost=max(stored.index - due, 0))
        found.update(lost=int(stored != record(run, stored.index)))
        due = stored.index + 1
    found.update(lost=run.planned - due, corrupt=sum(1 for _ in store.verify()))
    return found
