from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, select

from genwright_storage import ledger, merkle
from genwright_storage.database import Database
from genwright_storage.tables import log_entry, log_tile


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    url = f"sqlite:///{tmp_path / 'store'}"
    with closing(Database(url, patience=1)) as database, database.writing() as connection:
        yield connection


def leaves(connection: Connection) -> list[bytes]:
    return list(connection.execute(select(log_entry.c.leaf).order_by(log_entry.c.seq)).scalars())


def test_entries_are_numbered_from_zero_without_gaps(connection: Connection) -> None:
    assert [ledger.append(connection, "run", "x", bytes(32)) for _ in range(5)] == [0, 1, 2, 3, 4]


def test_the_kept_edge_has_the_root_over_all_entries(connection: Connection) -> None:
    assert ledger.frontier(connection).root == merkle.EMPTY_ROOT
    for number in range(20):
        ledger.append(connection, "run", str(number), bytes(32))
        assert ledger.frontier(connection).root == merkle.root(leaves(connection))


def test_a_tile_is_kept_when_it_is_full_and_tiles_of_tiles_above(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "TILE", 4)
    for number in range(37):
        ledger.append(connection, "run", str(number), bytes(32))
    found = {(row.level, row.idx): ledger.split(row.hashes) for row in connection.execute(select(log_tile))}
    entries = leaves(connection)
    below = [merkle.root(entries[start : start + 4]) for start in range(0, 36, 4)]
    expected = {(0, index): entries[4 * index : 4 * index + 4] for index in range(9)}
    expected |= {(1, index): below[4 * index : 4 * index + 4] for index in range(2)}
    assert found == expected


def test_tiles_are_verified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from genwright_storage.blobs import Blobs
    from genwright_storage.verification import findings

    monkeypatch.setattr(ledger, "TILE", 2)
    with closing(Database(f"sqlite:///{tmp_path / 'store'}", patience=1)) as database:
        with database.writing() as connection:
            for number in range(9):
                ledger.append(connection, "role", str(number), bytes(32))
        assert list(findings(database, Blobs(tmp_path), lambda _: None)) == []
        with database.writing() as connection:
            connection.exec_driver_sql("DROP TRIGGER log_tile_delete")
            connection.exec_driver_sql("DELETE FROM log_tile WHERE level = 1 AND idx = 1")
        found = [finding.where for finding in findings(database, Blobs(tmp_path), lambda _: None)]
        assert found == ["ledger, tile 1 of level 1"]
