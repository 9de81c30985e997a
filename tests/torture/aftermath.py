"""What is left of a store after a fault, compared with what was acknowledged before it."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path

from genwright.errors import StoreError, UnknownName
from genwright.folders import store_file
from genwright.run import Run
from genwright.store import Store, open_store
from tests.torture.workload import batches, edges, record

__all__ = ["NOTHING", "aftermath", "losses", "no_losses"]

# Acknowledged of a run of which not even the start was.
NOTHING = -1


def no_losses(*more: str) -> Counter[str]:
    """Return the kinds of loss that are looked for after every fault, none of them found."""
    return Counter(dict.fromkeys(("lost", "dangling", "corrupt", "halved", *more), 0))


def aftermath(url: str, acknowledged: Sequence[tuple[Run, int]], *, onward: bool = False) -> Counter[str]:
    """Open a store anew and return what was lost of it.

    acknowledged: how many samples of each run were, or `NOTHING`
    onward:       whether to write on in each run then, and count those that are stuck
    result:       samples lost or other than they were put, payloads dangling, stores corrupt, batches halved
    """
    found = no_losses()
    try:
        with closing(open_store(url)) as store:
            found.update(losses(store, acknowledged))
            if onward:
                found.update(stuck=sum(_is_stuck(store, run, count) for run, count in acknowledged))
    except StoreError:
        found.update(corrupt=1, lost=sum(max(count, 0) for _, count in acknowledged))
    if url.startswith("sqlite:") and not _is_sound(store_file(url)[0]):
        found.update(corrupt=1)
    return found


def _is_stuck(store: Store, run: Run, count: int) -> bool:
    """Write on where a fault has stopped a run, and say whether the store did not take it."""
    try:
        store.put_run(run)
        store.put_samples(next(batch for batch in batches(run) if batch[0].index >= count))
    except StoreError:
        return True
    return False


def losses(store: Store, runs: Iterable[tuple[Run, int]]) -> Counter[str]:
    """Return what was lost of an open store."""
    found = no_losses()
    for run, count in runs:
        found.update(_of_run(store, run, count))
    for finding in store.verify():
        found.update([_kind(finding.where)])
    return found


def _kind(where: str) -> str:
    return "dangling" if where.startswith("payload of ") else "corrupt"


def _of_run(store: Store, run: Run, count: int) -> Counter[str]:
    try:
        store.run(run.id)
    except UnknownName:
        return Counter(lost=count + 1)  # the start of the run itself, if that was acknowledged
    kept, is_whole = 0, True
    try:
        for stored in store.samples(run=run.id):
            is_whole = is_whole and stored == record(run, kept)
            kept += 1
    except StoreError:
        return Counter(dangling=1)
    lost = max(count - kept, 0) if is_whole else max(count, 1)
    return Counter(lost=lost, halved=int(kept not in edges(kept)))


def _is_sound(path: Path) -> bool:
    """Whether SQLite itself finds nothing wrong with a file."""
    try:
        with closing(sqlite3.connect(path)) as connection:
            return connection.execute("PRAGMA quick_check").fetchall() == [("ok",)]
    except sqlite3.DatabaseError:
        return False
