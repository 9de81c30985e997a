"""The power cut at any moment: what was not synced is kept, dropped or torn at sectors of 512 bytes.

The calls by which a store writes its database, its log and its files of payloads are recorded once by strace, from the
very libraries that it uses, and played back onto a model of a disk (`disk`). At a random call the power is cut: of the
writes and cuttings since the last sync of each file, and of the names made, changed and removed since the last sync of
each folder, any part is there in any order. The store is opened on what is left.

It shows that nothing acknowledged depends on what was not synced, of rows and of files beside the database. It does not
show that a disk syncs what it says it has, nor what happens when it damages what it was not writing; and it takes
renaming as atomic, as all common file systems have it. The folder that the store is made in was there before.
"""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from genwright.run import Run
from genwright.store import open_store
from tests.torture.aftermath import NOTHING, aftermath, no_losses
from tests.torture.calls import Call, need_strace, read_calls, traced
from tests.torture.disk import WATCHED, Disk
from tests.torture.processes import KEYS, context, keys_in
from tests.torture.tally import Tally
from tests.torture.workload import batches, seeded_run

__all__ = ["torture"]

# So many cuts are made of one recording, each at another call or of another fate.
_ROUNDS_A_RECORDING = 500
_CALLS, _CALLS_AN_OPENING = 30, 10
_SAID = b"acknowledged "


def torture(
    rounds: int, seed: int, folder: Path, *, synchronous: str | None = None, ignored: str | None = None
) -> Tally:
    """Cut the power so many times.

    synchronous: what SQLite is set to, instead of what the store asks for
    ignored:     the name of a call that the disk does nothing at
    """
    need_strace()
    parts = [min(_ROUNDS_A_RECORDING, rounds - first) for first in range(0, rounds, _ROUNDS_A_RECORDING)]
    places = [folder / f"cuts-{number}" for number in range(len(parts))]
    seeds = [f"{seed} {number}" for number in range(len(parts))]
    with ProcessPoolExecutor(os.cpu_count(), mp_context=context()) as pool:
        each = pool.map if len(parts) > 1 else map
        tallies = each(partial(_part, synchronous, ignored), places, parts, seeds)
        return sum(tallies, Tally(rounds=0, acknowledged=0, losses=no_losses("stuck")))


def _part(synchronous: str | None, ignored: str | None, place: Path, rounds: int, seed: str) -> Tally:
    """Record one ingest and cut the power so many times in it."""
    chance = random.Random(seed)
    run = seeded_run(chance)
    place.mkdir()
    with keys_in(place / "keys"):
        # A log that is put back into the database often, and one that is not: both happen to stores.
        calls = _recorded(place, run, synchronous, checkpoint=chance.choice([16, 1000]))
        tally = _cut([call for call in calls if call.name != ignored], run, place, chance, rounds)
    shutil.rmtree(place)
    return tally


def _recorded(place: Path, run: Run, synchronous: str | None, checkpoint: int) -> list[Call]:
    """Return the calls of one ingest, in the folder "live"."""
    (place / "live").mkdir()
    options = ["-xx", "-s", str(2**24), "-e", f"trace={WATCHED}", "-e", "signal=none", "-o", str(place / "calls")]
    with traced(options, _write, place / "live" / "store", run, synchronous, checkpoint) as process:
        process.join()
        assert process.exitcode == 0
    return list(read_calls(place / "calls"))


def _cut(recording: list[Call], run: Run, place: Path, chance: random.Random, rounds: int) -> Tally:
    disk, count, losses, total = Disk(place / "live"), NOTHING, no_losses("stuck"), 0
    changing = sum(map(Disk(place / "live").apply, recording))
    cuts = sorted((chance.randrange(changing) for _ in range(rounds)), reverse=True)
    seen = 0
    for call in recording:
        if call.name == "write" and call.texts[0].startswith(_SAID):
            count = int(call.texts[0].removeprefix(_SAID))
        elif disk.apply(call):
            seen += 1
        while cuts and seen > cuts[-1]:
            cuts.pop()
            losses.update(_left(disk, run, count, place / "after", chance))
            total += max(count, 0)
    assert not cuts
    return Tally(rounds=rounds, acknowledged=total, losses=losses)


def _left(disk: Disk, run: Run, count: int, place: Path, chance: random.Random) -> dict[str, int]:
    """Return what is lost on the disk as the cut left it."""
    place.mkdir()
    for name, data in disk.after_a_cut(chance):
        if data is None:
            (place / name).mkdir(mode=0o700)
        else:
            (place / name).touch(mode=0o600)  # a key that others may read is refused
            (place / name).write_bytes(data)
    with keys_in(place / "keys"):
        found = aftermath(f"sqlite:///{place / 'store'}", [(run, count)], onward=True)
    shutil.rmtree(place)
    return found


def _write(path: Path, run: Run, synchronous: str | None, checkpoint: int) -> None:
    """Write a run to a store that is opened now and then, and say so to no one."""
    connect = partial(sqlite3.connect, factory=_set_to(synchronous, checkpoint))
    sqlite3.connect = connect  # type: ignore[assignment]
    # The key that signs lies on the same disk, and must be there for what it has signed.
    os.environ[KEYS] = str(path.parent / "keys")
    nowhere, url = os.open(os.devnull, os.O_WRONLY), f"sqlite:///{path}"
    with closing(open_store(url)) as store:
        store.put_run(run)
        os.write(nowhere, _SAID + b"0")
    coming = batches(run)
    for _ in range(_CALLS // _CALLS_AN_OPENING):
        with closing(open_store(url)) as store:
            for _ in range(_CALLS_AN_OPENING):
                batch = next(coming)
                store.put_samples(batch)
                os.write(nowhere, _SAID + str(batch[-1].index + 1).encode())
    with closing(open_store(url)) as store:
        store.finish_run(run.id, "finished")


def _set_to(synchronous: str | None, checkpoint: int) -> type[sqlite3.Connection]:
    """Return connections set to this whatever they are told later."""
    fixed = {"wal_autocheckpoint": checkpoint} | ({"synchronous": synchronous} if synchronous else {})

    def permit(action: int, name: str | None, value: str | None, *_: Any) -> int:
        return sqlite3.SQLITE_IGNORE if action == sqlite3.SQLITE_PRAGMA and value and name in fixed else 0

    class Set(sqlite3.Connection):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            for name, value in fixed.items():
                self.execute(f"PRAGMA {name}={value}")
            self.set_authorizer(permit)

    return Set
