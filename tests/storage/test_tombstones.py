"""Of a store in which everything was erased, held, ruled, granted and reviewed, nothing is changed unnoticed."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from genwright.store import Finding, Score
from genwright.testing.stores import make_record, make_run
from genwright_storage import erasure, holds, retention, reviews, roles
from genwright_storage.store import SQLStore
from genwright_storage.tables import metadata

WHOLE, SOME = "a" * 32, "b" * 32


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sound")
    patch = pytest.MonkeyPatch()
    patch.setenv("GENWRIGHT_ACTOR", "ada")
    with closing(SQLStore(f"sqlite:///{folder / 'store'}")) as store:
        for id in (WHOLE, SOME):
            run = make_run(id=id, parent="c" * 32)
            store.put_run(run)
            store.put_samples([make_record(run, index, prompt="a prompt") for index in range(4)])
            store.put_scores(id, [Score(metric="qed", value=0.5, detail="d", index=i) for i in (None, 1, 2)])
            store.finish_run(id, "failed", error="an error")
            reviews.put(store, {f"{id}/{index}": (True, "why") for index in (1, 2)})
        for term in (
            lambda: holds.release(store, holds.place(store, "domain:x", reason="a dispute"), reason="settled"),
            lambda: retention.end(store, retention.retain(store, "all", days=9, reason="space"), reason="enough"),
            lambda: [roles.grant(store, *one) for one in (("ada", "admin"), ("eve", "auditor"), ("bob", "viewer"))],
            lambda: roles.revoke(store, "bob", "viewer", reason="left"),
        ):
            term()
        erasure.erase(store, [WHOLE, f"{SOME}/1"], reason="asked for", basis="an article")
        holds.place(store, "domain:x", reason="a dispute")
        assert list(store.verify()) == []
    patch.undo()
    return folder


@pytest.fixture
def tampered(sound: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[sqlite3.Connection]:
    """A copy of it, open for whoever gets past the triggers."""
    monkeypatch.setenv("GENWRIGHT_ACTOR", "eve")
    shutil.copytree(sound, tmp_path, dirs_exist_ok=True)
    with closing(sqlite3.connect(tmp_path / "store", isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous=OFF")
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute("PRAGMA ignore_check_constraints=ON")
        yield connection


def _found(tmp_path: Path) -> list[Finding]:
    with closing(SQLStore(f"sqlite:///{tmp_path / 'store'}")) as store:
        return list(store.verify())


TABLES = ("tombstone", "hold", "retention", "role_grant", "review", "run", "run_end", "score", "sample")


def _columns(table: str) -> list[str]:
    return [c.name for c in metadata.tables[table].columns if c.name not in ("id", "batch_id")]


@pytest.mark.parametrize("row", ["first", "last"])
@pytest.mark.parametrize(("table", "column"), [(table, column) for table in TABLES for column in _columns(table)])
def test_a_change_of_any_column_is_found(
    tampered: sqlite3.Connection, tmp_path: Path, table: str, column: str, row: str
) -> None:
    chosen = f"rowid = (SELECT {'min' if row == 'first' else 'max'}(rowid) FROM {table})"
    (kind,) = tampered.execute(f"SELECT typeof({column}) FROM {table} WHERE {chosen}").fetchone()
    columns = {column.name: str(column.type) for column in metadata.tables[table].columns}
    new = {"BIGINT": "2", "TEXT": "'x'", "BLOB": "x'77'", "FLOAT": "0.25", "DOUBLE": "0.25"}
    other = {
        "integer": f"{column} + 77",
        "real": f"{column} + 1e-9",
        "text": f"{column} || 'x'",
        "blob": f"CAST({column} || x'77' AS BLOB)",
        "null": new.get(columns[column], "x'77'"),
    }[kind]
    tampered.execute(f"UPDATE {table} SET {column} = {other} WHERE {chosen}")
    assert _found(tmp_path) != []


@pytest.mark.parametrize("table", ["hold", "retention", "role_grant", "review"])
def test_what_was_removed_is_found(tampered: sqlite3.Connection, tmp_path: Path, table: str) -> None:
    tampered.execute(f"DELETE FROM {table} WHERE id = (SELECT max(id) FROM {table})")
    assert any(finding.trouble == "it is in the ledger, and gone from the store" for finding in _found(tmp_path))


@pytest.mark.parametrize("table", ["hold", "retention", "role_grant"])
def test_an_end_that_was_taken_back_is_found(tampered: sqlite3.Connection, tmp_path: Path, table: str) -> None:
    tampered.execute(f"UPDATE {table} SET ended_by = NULL, ended_reason = NULL, ended_ns = NULL, ended_seq = NULL")
    assert [finding.trouble for finding in _found(tmp_path)] == ["it is in the ledger, and gone from the store"]


def test_a_hold_that_the_ledger_does_not_know_is_found(tampered: sqlite3.Connection, tmp_path: Path) -> None:
    tampered.execute("INSERT INTO hold (scope, reason, placed_ns) VALUES ('all', 'mine', 1)")
    assert _found(tmp_path) == [Finding(where="hold 3", trouble="it is not in the ledger")]


def test_a_sample_marked_as_erased_without_a_tombstone_is_found(tampered: sqlite3.Connection, tmp_path: Path) -> None:
    tampered.execute("UPDATE sample SET erased_seq = 3 WHERE idx = 2 AND run_id = 2")
    trouble = "it is marked as erased, and has content or no tombstone of its own"
    assert _found(tmp_path) == [Finding(where=f"sample {SOME}/2", trouble=trouble)]


def test_a_sample_that_is_emptied_without_a_tombstone_is_found(tampered: sqlite3.Connection, tmp_path: Path) -> None:
    tampered.execute("""UPDATE sample SET (seed, media_type, digest, payload, flaw, canonical, identity, reviews,
        parameters, prompt, salt, erased_seq) = (SELECT seed, media_type, digest, payload, flaw, canonical, identity,
        reviews, parameters, prompt, salt, erased_seq FROM sample WHERE idx = 1 AND run_id = 2)
        WHERE idx = 2 AND run_id = 2""")
    assert [finding.where for finding in _found(tmp_path)] == [f"sample {SOME}/2"]


def test_content_that_came_back_is_found(tampered: sqlite3.Connection, tmp_path: Path) -> None:
    tampered.execute("UPDATE sample SET prompt = 'a prompt' WHERE idx = 1 AND run_id = 2")
    assert [finding.where for finding in _found(tmp_path)] == [f"sample {SOME}/1"]
    tampered.execute("UPDATE sample SET prompt = '', erased_seq = NULL WHERE idx = 1 AND run_id = 2")
    found = {(finding.where, finding.trouble) for finding in _found(tmp_path)}
    assert (f"sample {SOME}/1", "it has a tombstone, and is there as if it had none") in found


def test_a_tombstone_that_went_is_found(tampered: sqlite3.Connection, tmp_path: Path) -> None:
    tampered.execute("DELETE FROM tombstone WHERE kind = 'sample' AND ref = ?", (f"{SOME}/1",))
    where = [finding.where for finding in _found(tmp_path)]
    assert f"sample {SOME}/1" in where
    assert any(place.startswith("tombstone of ") for place in where)


def test_what_is_left_of_an_erased_run_is_not_changed_unnoticed(tampered: sqlite3.Connection, tmp_path: Path) -> None:
    tampered.execute("UPDATE run_end SET state = 'finished' WHERE run_id = 1")
    assert [finding.where for finding in _found(tmp_path)] == [f"end of run {WHOLE}"]


def test_a_name_that_was_changed_is_found(tampered: sqlite3.Connection, tmp_path: Path) -> None:
    tampered.execute("UPDATE actor SET subject = 'mallory' WHERE subject = 'bob'")
    assert {finding.where for finding in _found(tmp_path)} == {"grant 3", "end of grant 3"}
