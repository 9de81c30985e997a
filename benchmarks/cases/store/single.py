"""How many samples a second are put one by one, each on the disk before the next, beside SQLite without evidence."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.cases.store import ingest
from benchmarks.rates import rate_row, rates
from benchmarks.row import Row, at_least
from benchmarks.setting import Setting

__all__ = ["TESTS", "rows"]

TESTS = ingest.TESTS


def rows(setting: Setting) -> Iterator[Row]:
    """Yield the rate of `put_samples` of one record."""
    count = setting.scaled(2_000, 500)
    work = {
        "ours": lambda: ingest.ours(setting.scratch, count, 1),
        "sqlite3": lambda: ingest.raw(setting.scratch, count, 1),
    }
    yield rate_row(
        "single",
        f"SQLite, `put_samples` of one record a call, each durable, {count:,} calls",
        rates(work, rounds=setting.scaled(5, 3)),
        target=at_least(2_000),
        note="sqlite3: one row a commit into the same table, no evidence. All with `synchronous=FULL`, on new files.",
    )
