from __future__ import annotations

from benchmarks.cases.store import single
from benchmarks.setting import Setting


def test_single_records_are_put_beside_sqlite_alone(setting: Setting) -> None:
    (row,) = single.rows(setting)
    assert row.name == "SQLite, `put_samples` of one record a call, each durable, 5 calls"
    assert (str(row.target), list(row.peers)) == ("≥ 2000", ["sqlite3", "fsync"])
    assert row.processor is not None
    assert row.processor > 0
