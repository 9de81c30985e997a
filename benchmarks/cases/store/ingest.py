"""How many samples a second are put in batches, beside SQLite that keeps the same rows without evidence."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from benchmarks.rates import Spent, rate_row, rates, spent
from benchmarks.row import Row, at_least
from benchmarks.setting import Setting
from benchmarks.stored import BATCH, INSERT, fresh, put, raw_rows, records

__all__ = ["TESTS", "ours", "raw", "rows"]

TESTS = (
    "tests/storage/test_store.py",
    "tests/storage/test_encoding.py",
    "tests/storage/test_ledger.py",
    "tests/storage/test_merkle.py",
)
_PRAGMAS = ("synchronous=FULL", "foreign_keys=ON", "cache_size=-65536", "wal_autocheckpoint=16384")


def rows(setting: Setting) -> Iterator[Row]:
    """Yield the rate of `put_samples` in batches."""
    count = setting.rows
    work = {
        "ours": lambda: ours(setting.scratch, count, BATCH),
        "sqlite3": lambda: raw(setting.scratch, count, BATCH),
    }
    yield rate_row(
        "ingest",
        f"SQLite, `put_samples` of {BATCH:,} records a call, {count:,} rows",
        rates(work, rounds=setting.scaled(5, 3)),
        target=at_least(50_000),
        note="sqlite3: `executemany` of the same rows, leaf and digest ready, into the same table and indexes, one "
        "commit a batch, no evidence. All with `synchronous=FULL`, on new files.",
    )


def ours(scratch: Path, count: int, batch: int, *, before: int = 0) -> Spent:
    """Return what it takes to put so many records, so many a call, into a new store or after so many others."""
    with fresh(scratch) as (store, run, _):
        put(store, records(run, before, count), BATCH)
        made = records(run, count)
        return spent(count, lambda: put(store, made, batch))


def raw(scratch: Path, count: int, batch: int, *, before: int = 0) -> Spent:
    """Return what sqlite3 takes for the same rows in the same table, without evidence, so many a commit."""
    with fresh(scratch) as (store, run, path):
        put(store, records(run, before, count + 1), BATCH)
        made = raw_rows(records(run, count))
        # A batch for them to be of.
        store.put_samples(records(run, 1, count))
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            for pragma in _PRAGMAS:
                connection.execute(f"PRAGMA {pragma}")

            def write() -> None:
                for start in range(0, count, batch):
                    connection.execute("BEGIN IMMEDIATE")
                    connection.executemany(INSERT, made[start : start + batch])
                    connection.execute("COMMIT")

            return spent(count, write)
