from __future__ import annotations

import pytest

from benchmarks.cases.store import single
from benchmarks.setting import Setting


def test_single_records_are_put_beside_sqlite_alone(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(single, "_BEFORE", 10)
    rows = list(single.rows(setting))
    what = "SQLite, `put_samples` of one record a call, each durable, 5 calls to a"
    assert [row.name for row in rows] == [f"{what} new store", f"{what} store in use, after 10 in batches"]
    for row in rows:
        assert (str(row.target), list(row.peers)) == ("≥ 2000", ["sqlite3", "fsync"])
        assert row.processor is not None
        assert row.processor > 0
