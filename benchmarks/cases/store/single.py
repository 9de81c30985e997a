"""How many samples a second are put one by one, each on the disk before the next, beside SQLite without evidence."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.cases.store import ingest
from benchmarks.rates import Spent, rate_row, rates, spent
from benchmarks.row import Row, at_least
from benchmarks.setting import Setting

__all__ = ["TESTS", "rows"]

TESTS = ingest.TESTS


# After these the log beside the file has its size, and is written over from its beginning.
_BEFORE = 80_000


def rows(setting: Setting) -> Iterator[Row]:
    """Yield the rate of `put_samples` of one record, into a new store and into one in use."""
    yield _row(setting, "a new store", 0)
    yield _row(setting, f"a store in use, after {_BEFORE:,} in batches", _BEFORE)


def _row(setting: Setting, of: str, before: int) -> Row:
    count = setting.scaled(1_000, 500)
    work = {
        "ours": lambda: ingest.ours(setting.scratch, count, 1, before=before),
        "sqlite3": lambda: ingest.raw(setting.scratch, count, 1, before=before),
        "fsync": lambda: _synced(setting.scratch, count),
    }
    return rate_row(
        "single",
        f"SQLite, `put_samples` of one record a call, each durable, {count:,} calls to {of}",
        rates(work, rounds=setting.scaled(5, 3)),
        target=at_least(2_000),
        note="sqlite3: one row a commit into the same table, no evidence. Both with `synchronous=FULL`; the log of a "
        "new file grows, which the system notes at each sync. fsync: 4 KiB appended to a file and synced, which is "
        "what the disk allows.",
    )


def _synced(scratch: Path, count: int) -> Spent:
    with tempfile.TemporaryFile(dir=scratch, buffering=0) as file:
        page = bytes(4096)

        def write() -> None:
            for _ in range(count):
                file.write(page)
                os.fsync(file)

        return spent(count, write)
