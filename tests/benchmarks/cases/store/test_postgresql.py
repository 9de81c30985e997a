from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import psycopg
import pytest

from benchmarks.cases.store import postgresql
from benchmarks.peers.postgresql import NoServer, Server, programs, server
from benchmarks.setting import Setting


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


def test_both_put_all_rows(running: Server, setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    counts: list[Any] = []
    drop = Server.drop

    def counted(self: Server, name: str) -> None:
        with closing(psycopg.connect(self._url(name))) as connection:
            counts.append(connection.execute("SELECT count(*), min(idx), max(idx) FROM sample").fetchone())
        drop(self, name)

    monkeypatch.setattr(Server, "drop", counted)
    (row,) = postgresql._measured(running, setting)
    assert row.value is not None
    assert [peer.partition(",")[0] for peer in row.peers] == ["psycopg COPY"]
    # Copied rows are beside one that the store put.
    assert sorted(set(counts)) == [(8, 0, 7), (9, 0, 8)]
