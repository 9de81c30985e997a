from __future__ import annotations

from benchmarks.cases.store import ingest
from benchmarks.setting import Setting


def test_batches_are_put_beside_sqlite_alone(setting: Setting) -> None:
    (row,) = ingest.rows(setting)
    assert row.name == "SQLite, `put_samples` of 1,000 records a call, 8 rows"
    assert (row.unit, str(row.target), list(row.peers)) == ("rows/s", "≥ 50000", ["sqlite3"])
    assert row.value is not None
    assert row.value > 0
    assert " times sqlite3, which takes " in row.note


def test_both_write_all_rows(setting: Setting) -> None:
    assert ingest.ours(setting.scratch, 5, 2).count == ingest.raw(setting.scratch, 5, 2).count == 5
