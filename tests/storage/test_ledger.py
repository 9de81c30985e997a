import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, select

from genwright.errors import KeyMissing, StoreError
from genwright.store import Finding
from genwright_storage import ledger, merkle
from genwright_storage.blobs import Blobs
from genwright_storage.keys import KeyRing
from genwright_storage.notes import VerifierKey, opened
from genwright_storage.sqlite import SQLiteDatabase
from genwright_storage.tables import log_entry, log_tile, note, signing_key
from genwright_storage.verification import findings


@pytest.fixture
def database(tmp_path: Path) -> Iterator[SQLiteDatabase]:
    with closing(_database(tmp_path)) as database:
        yield database


@pytest.fixture
def connection(database: SQLiteDatabase) -> Iterator[Connection]:
    with database.writing() as connection:
        yield connection


def _database(folder: Path, ring: str = "keys") -> SQLiteDatabase:
    return SQLiteDatabase(
        f"sqlite:///{folder / 'store'}", patience=1, ring=KeyRing(folder / ring), origin="example.org/log"
    )


def leaves(connection: Connection) -> list[bytes]:
    return list(connection.execute(select(log_entry.c.leaf).order_by(log_entry.c.seq)).scalars())


def append(database: SQLiteDatabase, connection: Connection, count: int) -> list[int]:
    return [database.ledger.append(connection, "role", str(number), bytes(32)) for number in range(count)]


def head(connection: Connection) -> str:
    text = ledger.state(connection).note
    assert text is not None
    return text


def test_entries_are_numbered_without_gaps_after_that_of_the_key(
    database: SQLiteDatabase, connection: Connection
) -> None:
    assert append(database, connection, 5) == [1, 2, 3, 4, 5]
    kinds = connection.execute(select(log_entry.c.kind).order_by(log_entry.c.seq)).scalars().all()
    assert kinds == ["key", *["role"] * 5]


def test_the_kept_edge_has_the_root_over_all_entries(database: SQLiteDatabase, connection: Connection) -> None:
    for _ in range(20):
        append(database, connection, 1)
        assert ledger.state(connection).edge.root == merkle.root(leaves(connection))


def test_the_head_is_signed_by_the_key_of_the_store(database: SQLiteDatabase, connection: Connection) -> None:
    append(database, connection, 3)
    (key,) = connection.execute(select(signing_key.c.verifier)).scalars()
    found = opened(head(connection), [VerifierKey.parse(key)])
    assert (found.origin, found.size, found.root) == ("example.org/log", 4, merkle.root(leaves(connection)))
    assert [str(known) for known in database.ledger.ring.trusted("example.org/log")] == [key]


def test_heads_are_kept_at_most_one_a_second(
    database: SQLiteDatabase, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(2 * 10**18, 10**20, 300_000_000))
    monkeypatch.setattr(ledger.time, "time_ns", lambda: next(clock))
    append(database, connection, 10)
    kept = connection.execute(select(note.c.size).order_by(note.c.size)).scalars().all()
    assert kept == [1, 2, 6, 10]


def test_a_tile_is_kept_when_it_is_full_and_tiles_of_tiles_above(
    database: SQLiteDatabase, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "TILE", 4)
    append(database, connection, 36)
    found = {(row.level, row.idx): ledger.split(row.hashes) for row in connection.execute(select(log_tile))}
    entries = leaves(connection)
    below = [merkle.root(entries[start : start + 4]) for start in range(0, 36, 4)]
    expected = {(0, index): entries[4 * index : 4 * index + 4] for index in range(9)}
    expected |= {(1, index): below[4 * index : 4 * index + 4] for index in range(2)}
    assert found == expected


def test_tiles_are_verified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "TILE", 2)
    with closing(_database(tmp_path)) as database:
        with database.writing() as connection:
            append(database, connection, 8)
        assert list(findings(database, Blobs(tmp_path), lambda _: None)) == []
        with database.writing() as connection:
            connection.exec_driver_sql("DROP TRIGGER log_tile_delete")
            connection.exec_driver_sql("DELETE FROM log_tile WHERE level = 1 AND idx = 1")
        found = [finding.where for finding in findings(database, Blobs(tmp_path), lambda _: None)]
        assert found == ["ledger, tile 1 of level 1"]


def test_a_store_whose_key_is_not_here_is_read_and_not_written(database: SQLiteDatabase, tmp_path: Path) -> None:
    with closing(_database(tmp_path, "other keys")) as elsewhere:
        assert list(findings(elsewhere, Blobs(tmp_path), lambda _: None)) == []
        message = r"the ledger example.org/log is signed by .*; in .*other keys none is. Copy the key's file there"
        with pytest.raises(KeyMissing, match=message), elsewhere.writing() as connection:
            append(elsewhere, connection, 1)
        KeyRing(tmp_path / "other keys").create("example.org/log")
        with pytest.raises(KeyMissing, match="another is"), elsewhere.writing() as connection:
            append(elsewhere, connection, 1)


def test_a_new_key_signs_from_then_on_and_the_old_one_vouches_for_it(database: SQLiteDatabase, tmp_path: Path) -> None:
    with database.writing() as connection:
        append(database, connection, 2)
        first = head(connection)
        new = database.ledger.rotate(connection, "a year has passed")
        append(database, connection, 2)
        assert opened(head(connection), [new]).size == 6
    old = str(database.ledger.ring.trusted("example.org/log")[0])
    assert list(findings(database, Blobs(tmp_path), lambda _: None, heads=[first], keys=[old])) == []
    with closing(_database(tmp_path, "other keys")) as elsewhere:
        assert list(findings(elsewhere, Blobs(tmp_path), lambda _: None)) == []


def test_another_process_learns_of_a_new_key(database: SQLiteDatabase, tmp_path: Path) -> None:
    with closing(_database(tmp_path)) as other:
        with other.writing() as connection:
            append(other, connection, 1)
        with database.writing() as connection:
            new = database.ledger.rotate(connection, "it leaked")
        with other.writing() as connection:
            append(other, connection, 1)
            assert opened(head(connection), [new]).size == 4


def test_a_new_key_that_nobody_vouches_for_is_found(database: SQLiteDatabase, tmp_path: Path) -> None:
    old = str(database.ledger.ring.trusted("example.org/log")[0])
    with closing(_database(tmp_path, "other keys")) as elsewhere:
        with elsewhere.writing() as connection:
            new = elsewhere.ledger.rotate(connection, "the old one is lost")
        found = {finding.where: finding.trouble for finding in _findings(database, tmp_path)}
        assert found[f"key {new}"] == "neither did the key before it sign it, nor is it trusted here"
        assert "none is by a known key" in found["the head of the ledger"]
        assert _findings(database, tmp_path, keys=[str(new)]) == []
        assert _findings(database, tmp_path, keys=[old]) != []


def test_a_ledger_that_was_made_anew_is_found_by_who_knows_its_key(database: SQLiteDatabase, tmp_path: Path) -> None:
    (tmp_path / "store").unlink()
    for ending in ("-wal", "-shm"):
        Path(f"{tmp_path / 'store'}{ending}").unlink(missing_ok=True)
    _database(tmp_path, "forger").close()
    with closing(_database(tmp_path)) as found:
        assert "the head of the ledger" in [finding.where for finding in _findings(found, tmp_path)]


def test_a_head_noted_elsewhere_shows_that_the_tail_was_cut_or_an_old_file_put_back(tmp_path: Path) -> None:
    with closing(_database(tmp_path)) as database, database.writing() as connection:
        append(database, connection, 2)
    before = (tmp_path / "store").read_bytes()
    with closing(_database(tmp_path)) as database, database.writing() as connection:
        append(database, connection, 3)
        noted = head(connection)
    (tmp_path / "store").write_bytes(before)
    with closing(_database(tmp_path)) as database:
        assert _findings(database, tmp_path) == []
        (found,) = _findings(database, tmp_path, heads=[noted])
        assert found.where == "the head that was given, of 6 entries"
        assert found.trouble == "it is of 6 entries, of which 3 are there: the ledger was cut or put back"


def test_a_head_noted_elsewhere_shows_that_the_ledger_is_another(tmp_path: Path) -> None:
    with closing(_database(tmp_path)) as database, database.writing() as connection:
        append(database, connection, 1)
    before = (tmp_path / "store").read_bytes()
    with closing(_database(tmp_path)) as database, database.writing() as connection:
        append(database, connection, 3)
        noted = head(connection)
    (tmp_path / "store").write_bytes(before)
    with closing(_database(tmp_path)) as database:
        with database.writing() as connection:
            append(database, connection, 5)
        (found,) = _findings(database, tmp_path, heads=[noted])
        assert found.trouble == "the ledger of 5 entries has another root: its entries are not those of then"


def test_a_head_of_another_ledger_or_of_none_is_told(database: SQLiteDatabase, tmp_path: Path) -> None:
    other = SQLiteDatabase(f"sqlite:///{tmp_path / 'other'}", patience=1, ring=KeyRing(tmp_path / "keys"), origin="o")
    with closing(other), other.reading() as connection:
        noted = head(connection)
    troubles = [finding.trouble for finding in _findings(database, tmp_path, heads=[noted])]
    assert "it is of the ledger o; this one is example.org/log" in troubles
    (found,) = _findings(database, tmp_path, heads=["size 4"])
    assert "no signatures below an empty line" in found.trouble


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ("UPDATE log_frontier SET note = NULL", "the head of the ledger"),
        ("UPDATE log_frontier SET note = replace(note, 'example', 'exemplar')", "the head of the ledger"),
        ("UPDATE note SET body = replace(body, 'example', 'exemplar')", "the head kept of 1 entries"),
        ("UPDATE note SET root = zeroblob(32)", "the head kept of 1 entries"),
        ("UPDATE signing_key SET reason = 'x'", "key "),
        ("UPDATE signing_key SET verifier = 'x'", "key x"),
        ("DELETE FROM signing_key", "the head of the ledger"),
    ],
)
def test_heads_and_keys_that_changed_are_found(tmp_path: Path, change: str, where: str) -> None:
    with closing(_database(tmp_path)) as database, database.writing() as connection:
        append(database, connection, 3)
    with closing(sqlite3.connect(tmp_path / "store", isolation_level=None)) as raw:
        for (name,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            raw.execute(f"DROP TRIGGER {name}")
        raw.execute(change)
    with closing(_database(tmp_path, "other keys")) as database:
        assert any(finding.where.startswith(where) for finding in _findings(database, tmp_path))
        if change.startswith("DELETE"):
            message = "the ledger should name its key and have a signed head; one of them is gone"
            with pytest.raises(StoreError, match=message), database.writing() as connection:
                append(database, connection, 1)


def _findings(database: SQLiteDatabase, folder: Path, **given: list[str]) -> list[Finding]:
    return list(findings(database, Blobs(folder), lambda _: None, **given))
