"""How many samples a second are checked against the ledger, and read back."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing

from benchmarks.cases.store import ingest
from benchmarks.rates import Spent, rate_row, rates, spent
from benchmarks.row import Row, at_least
from benchmarks.setting import Setting
from benchmarks.stored import filled
from genwright.store import Store, open_store

__all__ = ["TESTS", "rows"]

TESTS = ingest.TESTS


def rows(setting: Setting) -> Iterator[Row]:
    """Yield the rate of `verify`, and that of `samples`."""
    count = 10 * setting.rows
    url, _ = filled(setting.scratch, count)
    work = {
        "verify": lambda: _of(url, count, _verified),
        "samples": lambda: _of(url, count, lambda store: sum(1 for _ in store.samples())),
        "sqlite3": lambda: _scanned(url, count),
    }
    found = rates(work, rounds=3)
    note = "sqlite3: `SELECT *` of the samples, fetched and left unread."
    yield rate_row(
        "verify",
        f"SQLite, `verify` of {count:,} samples",
        {"ours": found["verify"], "sqlite3": found["sqlite3"]},
        target=at_least(150_000),
        note=note,
    )
    yield rate_row(
        "verify",
        f"SQLite, `samples()` reads back {count:,}",
        {"ours": found["samples"], "sqlite3": found["sqlite3"]},
        note=note,
    )


def _of(url: str, count: int, work: Callable[[Store], object]) -> Spent:
    with closing(open_store(url)) as store:
        return spent(count, lambda: work(store))


def _verified(store: Store) -> None:
    assert list(store.verify()) == []


def _scanned(url: str, count: int) -> Spent:
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:

        def scan() -> None:
            cursor = connection.execute("SELECT * FROM sample ORDER BY id")
            while cursor.fetchmany(2_000):
                pass

        return spent(count, scan)
