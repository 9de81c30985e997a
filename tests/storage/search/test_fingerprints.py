from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Connection, select

from genwright.query import Like
from genwright_storage.search.fingerprints import Page, add, clear, covering, nearest, pages, remove
from genwright_storage.sqlite import SQLiteDatabase
from genwright_storage.tables import fingerprint


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    with (
        closing(SQLiteDatabase(f"sqlite:///{tmp_path / 'store'}", patience=1)) as database,
        database.writing() as connection,
    ):
        add(connection, "toy/a", [(id, bytes([id, 7])) for id in (3, 4, 9)])
        add(connection, "toy/a", [(id, bytes([id, 7])) for id in (12, 13)])
        add(connection, "toy/b", [(3, b"xyz")])
        yield connection


def kept(connection: Connection, kind: str = "toy/a", below: int = 1 << 40) -> list[tuple[int, bytes]]:
    return [
        (int(id), row.tobytes())
        for page in pages(connection, kind, below=below)
        for id, row in zip(page.ids, page.bits, strict=True)
    ]


def test_pages_come_newest_first_and_end_where_they_are_to(connection: Connection) -> None:
    assert [id for id, _ in kept(connection)] == [12, 13, 3, 4, 9]
    assert kept(connection, below=9) == [(3, b"\3\7"), (4, b"\4\7")]
    assert kept(connection, below=3) == []
    assert [page.first for page in pages(connection, "toy/a", below=13)] == [12, 3]
    assert kept(connection, "toy/b") == [(3, b"xyz")]


def test_no_fingerprint_is_nothing_to_add(connection: Connection) -> None:
    add(connection, "toy/c", [])
    assert kept(connection, "toy/c") == []


def test_what_is_removed_is_gone_from_every_kind_and_nothing_else_is(connection: Connection) -> None:
    remove(connection, [3, 5, 13, 99])
    assert kept(connection) == [(12, b"\x0c\7"), (4, b"\4\7"), (9, b"\x09\7")]
    assert kept(connection, "toy/b") == []
    remove(connection, [12])
    assert connection.execute(select(fingerprint.c.kind, fingerprint.c.first_id)).all() == [("toy/a", 3)]


def test_a_kind_is_cleared_alone(connection: Connection) -> None:
    clear(connection, ["toy/a"])
    assert kept(connection) == []
    assert kept(connection, "toy/b") != []


def test_a_page_tells_what_covers_and_what_is_near() -> None:
    page = Page.of([(1, b"\x03"), (2, b"\x07"), (5, b"\x70")])
    assert covering(page, b"\x03") == [2, 1]
    like = Like(domain="toy", kind="a", measure="tanimoto", bits=b"\x03", bound=0.5)
    assert nearest(like, page) == [(-1.0, -1), (-2 / 3, -2)]
    assert isinstance(page.ids, np.ndarray)
