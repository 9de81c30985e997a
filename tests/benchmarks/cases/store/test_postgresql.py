from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import psycopg
import pytest

from benchmarks.cases.store import postgresql
from benchmarks.peers.postgresql import NoServer, Server, programs, server
from benchmarks.setting import Setting
from genwright.errors import UnknownName
from genwright.memory import MemoryStore


def test_without_a_server_the_row_says_why(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def missing() -> Iterator[Server]:
        raise NoServer("it is not installed.")
        yield

    monkeypatch.setattr(postgresql, "server", missing)
    (row,) = postgresql.rows(setting)
    assert row.name == "PostgreSQL, `put_samples` of 1,000 records a call by 4 processes, 8 rows"
    assert (row.verdict, row.note) == ("not measured", "Not made: it is not installed.")


@pytest.fixture(scope="module")
def running() -> Iterator[Server]:
    try:
        programs()
    except NoServer as error:
        pytest.skip(str(error))
    with server() as found:
        yield found


def test_rows_are_copied_by_four_writers_also_where_no_store_is_served(
    running: Server, setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(url: str) -> Any:
        raise UnknownName("store", url, [], "")

    counts: list[Any] = []
    drop = Server.drop

    def counted(self: Server, name: str) -> None:
        with closing(psycopg.connect(self._url(name))) as connection:
            if connection.execute("SELECT to_regclass('sample')").fetchone() != (None,):
                counts.append(connection.execute("SELECT count(*), min(idx), max(idx) FROM sample").fetchone())
        drop(self, name)

    monkeypatch.setattr(postgresql, "open_store", unknown)
    monkeypatch.setattr(Server, "drop", counted)
    ours, copied = postgresql._measured(running, setting)
    assert (ours.verdict, ours.note) == ("not measured", "Not made: No store of this scheme is installed.")
    assert copied.value is not None
    assert copied.name.startswith("psycopg COPY, PostgreSQL ")
    assert counts == [(8, 0, 7)] * 2


def test_a_store_that_is_served_is_measured_beside_copy(
    running: Server, setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    put: list[int] = []

    def together(prepare: Any, count: int) -> Any:
        put.append(count)
        return postgresql.Spent(count, 1.0, 1.0)

    monkeypatch.setattr(postgresql, "open_store", lambda url: MemoryStore())
    monkeypatch.setattr(postgresql, "together", together)
    monkeypatch.setattr(postgresql, "_by_the_store", lambda url, run, index: (1, 1))
    (row,) = postgresql._measured(running, setting)
    assert (row.value, row.verdict) == (8.0, "FAIL")
    assert [peer.partition(",")[0] for peer in row.peers] == ["psycopg COPY"]
    assert put == [8] * 4
