from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from benchmarks import stored
from benchmarks.stored import INSERT, filled, fresh, kept_keys, put, raw_rows, records, weighed
from genwright.store import open_store


def test_records_differ_by_their_index() -> None:
    first, second = records("ab" * 16, 2, 5)
    assert (first.index, second.index) == (5, 6)
    assert len({first.canonical, second.canonical}) == len({first.identity, second.identity}) == 2
    assert first.identity == stored.identity(str(first.canonical))
    assert [record.index for record in records("ab" * 16, 1, 6)] == [second.index]


def test_keys_lie_apart_only_as_long_as_they_are_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENWRIGHT_KEYS", "own")
    with kept_keys(tmp_path):
        assert os.environ["GENWRIGHT_KEYS"] == str(tmp_path / "keys")
    assert os.environ["GENWRIGHT_KEYS"] == "own"
    monkeypatch.delenv("GENWRIGHT_KEYS")
    with kept_keys(tmp_path):
        pass
    assert "GENWRIGHT_KEYS" not in os.environ


def test_rows_put_by_hand_are_those_that_the_store_puts(tmp_path: Path) -> None:
    with fresh(tmp_path) as (store, run, path):
        made = records(run, 3)
        put(store, made[:2], 1)
        with closing(sqlite3.connect(path)) as connection:
            connection.executemany(INSERT, raw_rows(made[2:]))
            connection.commit()
        assert list(store.samples()) == made
    assert not path.exists()


def test_a_large_store_is_made_once_in_a_folder(tmp_path: Path) -> None:
    url, made = filled(tmp_path, 3)
    before = Path(url.removeprefix("sqlite:///")).stat().st_mtime_ns
    assert filled(tmp_path, 3) == (url, made)
    assert Path(url.removeprefix("sqlite:///")).stat().st_mtime_ns == before
    with closing(open_store(url)) as store:
        assert [record.index for record in store.samples()] == [0, 1, 2]


@pytest.mark.parametrize("action", ["fill", "verify", "read"])
def test_what_is_done_in_a_process_of_its_own_can_be_done_here(
    action: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"sqlite:///{tmp_path / 'store.sqlite'}"
    if action != "fill":
        stored.main("fill", url, 4)
    stored.main(action, url, 4)
    assert float(capsys.readouterr().out.split()[-1]) > 1024


def test_where_memory_cannot_be_read_it_is_no_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(stored, "_STATUS", tmp_path / "nothing")
    stored.main("fill", f"sqlite:///{tmp_path / 'store.sqlite'}", 1)
    assert capsys.readouterr().out == "nan\n"


def test_a_process_that_fails_is_told(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"read sqlite:///.* 7 failed: (?s:.*)AssertionError"):
        weighed("read", f"sqlite:///{tmp_path / 'store.sqlite'}", 7)
