from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from benchmarks.cases.store import verify
from benchmarks.setting import Setting
from benchmarks.stored import filled


def test_ten_times_the_rows_are_verified_and_read(setting: Setting) -> None:
    verified, read = verify.rows(setting)
    assert (verified.name, str(verified.target)) == ("SQLite, `verify` of 80 samples", "≥ 150000")
    assert read.name == "SQLite, `samples()` reads back 80"
    assert list(verified.peers) == list(read.peers) == ["sqlite3"]


def test_a_store_that_is_not_whole_is_not_timed(setting: Setting) -> None:
    url, _ = filled(setting.scratch, 80)
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
        connection.execute("DROP TRIGGER sample_delete")
        connection.execute("DELETE FROM sample WHERE id = 7")
        connection.commit()
    with pytest.raises(AssertionError):
        list(verify.rows(setting))
