from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from benchmarks.stored import fresh
from benchmarks.writers import putting, together


def noting(path: Path, count: int, first: int) -> Callable[[], object]:
    return lambda: (path / str(first)).write_text(str(count))


def failing(count: int, first: int) -> Callable[[], object]:
    raise OSError("the disk is full")


def test_each_writer_has_its_share(tmp_path: Path) -> None:
    found = together(partial(noting, tmp_path), 12, writers=2)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"0": "6", "6": "6"}
    assert found.count == 12
    assert found.clock > 0


def test_a_writer_that_fails_is_told_and_none_waits_for_it() -> None:
    with pytest.raises(RuntimeError, match="a writer failed"):
        together(failing, 2, writers=2)


def test_what_writers_put_is_in_the_store(tmp_path: Path) -> None:
    with fresh(tmp_path) as (store, run, path):
        together(putting(store.url, run), 6, writers=2)
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("SELECT idx FROM sample ORDER BY idx").fetchall() == [(i,) for i in range(6)]
