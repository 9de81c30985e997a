import shutil
import sqlite3
import tracemalloc
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from genwright.errors import StorageFull, StoreError, StoreReadOnly
from genwright.store import Finding, Score
from genwright.testing.stores import make_record, make_run
from genwright_storage.keys import KeyRing
from genwright_storage.store import SQLStore
from tests.storage.contract import SQLStoreTests, fill


class TestSQLStore(SQLStoreTests):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[SQLStore]:
        with closing(SQLStore(f"sqlite:///{tmp_path / 'store.sqlite'}")) as store:
            yield store

    def test_a_store_opened_for_reading_is_read(self, store: SQLStore) -> None:
        run = make_run()
        store.put_run(run)
        with closing(SQLStore(f"{store.url}?mode=ro")) as reader:
            assert reader.run("LAST") == run
            with pytest.raises(StoreReadOnly, match="it can only be read"):
                reader.put_samples([make_record(run, 0)])

    def test_a_full_disk_refuses_a_batch_and_keeps_what_was_acknowledged(self, store: SQLStore) -> None:
        run = make_run()
        store.put_run(run)
        store.put_samples([make_record(run, 0)])
        _limit(store, 300)

        def fill() -> None:
            for start in range(1, 20_000, 1000):
                store.put_samples([make_record(run, start + index, payload=b"x" * 500) for index in range(1000)])

        with pytest.raises(StorageFull, match=r"no space is left to write to it. Free some and repeat"):
            fill()
        kept = [record.index for record in store.samples()]
        assert kept == list(range(len(kept)))
        assert list(store.verify()) == []
        _limit(store, 2**30)
        store.put_samples([make_record(run, 30_000)])
        assert list(store.verify()) == []

    def test_samples_are_read_in_constant_memory(self, store: SQLStore) -> None:
        run = make_run()
        store.put_run(run)
        for start in range(0, 20_000, 2000):
            store.put_samples([make_record(run, start + index) for index in range(2000)])
        tracemalloc.start()
        try:
            assert sum(1 for _ in store.samples()) == 20_000
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < 5_000_000  # a page of 1,000; all of them take 20 MB

    def test_the_default_store_is_found_through_the_registry(self, tmp_path: Path) -> None:
        from genwright_storage import plugin

        spec = next(iter(plugin.register_stores()))
        with closing(spec.load()(f"sqlite:///{tmp_path / 'x'}")) as store:
            assert isinstance(store, SQLStore)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store that has something of everything, in two batches of one run and one of another."""
    folder = tmp_path_factory.mktemp("sound")
    with closing(SQLStore(f"sqlite:///{folder / 'store'}")) as store:
        fill(store, large=5)
        assert list(store.verify()) == []
    return folder


@pytest.fixture
def tampered(sound: Path, tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """A copy of it, open for whoever gets past the triggers."""
    shutil.copytree(sound, tmp_path, dirs_exist_ok=True)
    with closing(sqlite3.connect(tmp_path / "store", isolation_level=None)) as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        yield connection


def _found(tmp_path: Path) -> list[Finding]:
    with closing(SQLStore(f"sqlite:///{tmp_path / 'store'}")) as store:
        return list(store.verify())


# Keys by which rows are joined, whose change shows as a row that is gone; and what the ledger does not commit to.
_NO_EVIDENCE = {"id", "batch_id", "fence"}


def _columns(table: str) -> list[str]:
    from genwright_storage.tables import metadata

    names = [column.name for column in metadata.tables[table].columns if column.name not in _NO_EVIDENCE]
    # When a head was kept only decides when the next is.
    return [name for name in names if (table, name) != ("note", "created_ns")]


@pytest.mark.parametrize(
    ("table", "column"),
    [
        (table, column)
        for table in (
            "sample",
            "batch",
            "run",
            "run_end",
            "checkpoint",
            "checkpoint_file",
            "environment",
            "score",
            "log_entry",
            "log_frontier",
            "note",
            "signing_key",
        )
        for column in _columns(table)
    ],
)
def test_a_change_of_any_column_is_found(tampered: sqlite3.Connection, tmp_path: Path, table: str, column: str) -> None:
    tampered.execute("PRAGMA ignore_check_constraints=ON")
    (kind,) = tampered.execute(f"SELECT typeof({column}) FROM {table} LIMIT 1").fetchone()
    ending = f"iif(substr({column}, -1) = x'77', x'78', x'77')"
    other = {
        "integer": f"{column} + 77",
        "real": f"{column} + 1e-9",
        "text": f"substr({column}, 1, length({column}) - 1) || iif(substr({column}, -1) = 'Z', 'Y', 'Z')",
        "blob": f"CAST(substr({column}, 1, length({column}) - 1) || {ending} AS BLOB)",
        "null": {"seq": "1", "idx": "1", "erased_seq": "1", "proof": "x'77'"}.get(column, "'x'"),
    }[kind]
    if column == "payload":
        other = "CAST('CCN' AS BLOB)"
    tampered.execute(f"UPDATE {table} SET {column} = {other} WHERE rowid = (SELECT min(rowid) FROM {table})")
    assert _found(tmp_path) != []


def test_a_changed_sample_is_named(tampered: sqlite3.Connection, tmp_path: Path) -> None:
    tampered.execute("UPDATE sample SET flaw = NULL WHERE idx = 3 AND run_id = 1")
    found = [Finding(where=f"sample {'a' * 32}/3", trouble="it was changed after it was put")]
    assert _found(tmp_path) == found


def test_a_changed_payload_is_named(tampered: sqlite3.Connection, tmp_path: Path) -> None:
    tampered.execute("UPDATE sample SET payload = CAST('N' AS BLOB) WHERE idx = 3 AND run_id = 1")
    found = [Finding(where=f"payload of sample {'a' * 32}/3", trouble="it was changed after it was put")]
    assert _found(tmp_path) == found


def test_a_removed_sample_is_named(tampered: sqlite3.Connection, tmp_path: Path) -> None:
    tampered.execute("DELETE FROM sample WHERE idx IN (2, 4) AND run_id = 1")
    found = [Finding(where=f"sample {'a' * 32}/{index}", trouble="it is gone") for index in (2, 4)]
    assert _found(tmp_path) == found


def test_a_sample_removed_from_among_others_is_missed(tampered: sqlite3.Connection, tmp_path: Path) -> None:
    tampered.execute("DELETE FROM sample WHERE idx = 2 AND run_id = 2")
    trouble = "they are not those that were put: 3 were, 2 are there"
    assert _found(tmp_path) == [Finding(where=f"samples {'c' * 32}/0 to 4", trouble=trouble)]


def test_the_removed_samples_of_a_batch_are_named(tampered: sqlite3.Connection, tmp_path: Path) -> None:
    tampered.execute("DELETE FROM sample WHERE run_id = 1 AND idx < 5")
    assert _found(tmp_path) == [Finding(where=f"samples {'a' * 32}/0 to 4", trouble="they are gone")]


def test_a_removed_tail_is_named(tampered: sqlite3.Connection, tmp_path: Path) -> None:
    tampered.execute("DELETE FROM sample WHERE run_id = 2")
    tampered.execute("DELETE FROM batch WHERE run_id = 2")
    (found,) = _found(tmp_path)
    assert found.where.startswith(f"samples {'c' * 32}/0, entry ")
    assert found.trouble == "it is in the ledger, and gone from the store"


def test_an_added_sample_is_found(tampered: sqlite3.Connection, tmp_path: Path) -> None:
    columns = "run_id, batch_id, seed, media_type, digest, payload, parameters, prompt, salt, leaf"
    tampered.execute(
        f"INSERT INTO sample (idx, {columns}) SELECT 77, {columns} FROM sample WHERE run_id = 2 AND idx = 4"
    )
    assert [finding.where for finding in _found(tmp_path)] == [f"sample {'c' * 32}/77", f"samples {'c' * 32}/0 to 4"]


def test_samples_that_changed_places_are_found(tampered: sqlite3.Connection, tmp_path: Path) -> None:
    for old, new in ((0, 100), (1, 0), (100, 1)):
        tampered.execute("UPDATE sample SET idx = ? WHERE run_id = 1 AND idx = ?", (new, old))
    assert {finding.where for finding in _found(tmp_path)} == {f"sample {'a' * 32}/{index}" for index in (0, 1)}


def test_a_removed_run_is_named(tampered: sqlite3.Connection, tmp_path: Path) -> None:
    tampered.execute("DELETE FROM run WHERE id = 2")
    found = {finding.where: finding.trouble for finding in _found(tmp_path)}
    assert any(where.startswith(f"run {'c' * 32}, entry ") for where in found)


@pytest.mark.parametrize("table", ["run_end", "checkpoint", "score"])
def test_anything_removed_is_found(tampered: sqlite3.Connection, tmp_path: Path, table: str) -> None:
    tampered.execute(f"DELETE FROM {table}")
    assert [finding.trouble for finding in _found(tmp_path)] == ["it is in the ledger, and gone from the store"]


def test_a_gap_in_the_ledger_is_named(tampered: sqlite3.Connection, tmp_path: Path) -> None:
    tampered.execute("DELETE FROM log_entry WHERE seq = 2")
    found = {finding.where: finding.trouble for finding in _found(tmp_path)}
    assert found["ledger, entries 2 to 2"] == "they are gone"
    assert found["ledger"] == "its root is not that of its entries: it is of 9 entries, 8 are there"


@pytest.mark.parametrize(
    "change",
    ["DELETE FROM log_frontier", "UPDATE log_frontier SET size = -8", "UPDATE log_frontier SET hashes = x'77'"],
)
def test_a_ledger_without_its_edge_is_verified_to_the_end(
    tampered: sqlite3.Connection, tmp_path: Path, change: str
) -> None:
    """Nothing of such a store could be verified once, and what was wrong with the rest was not found."""
    tampered.execute(change)
    tampered.execute("DELETE FROM score")
    found = {finding.where: finding.trouble for finding in _found(tmp_path)}
    assert found["ledger, the right edge of its tree"] == "it is gone or was changed"
    assert any(where.startswith("scores ") for where in found)
    with closing(SQLStore(f"sqlite:///{tmp_path / 'store'}")) as store, pytest.raises(StoreError, match="right edge"):
        store.put_run(make_run())


def test_a_tile_that_changed_or_went_is_named(tmp_path: Path) -> None:
    with closing(SQLStore(f"sqlite:///{tmp_path / 'store'}")) as store:
        run = make_run()
        store.put_run(run)
        for value in range(260):
            store.put_scores(run.id, [Score(metric="qed", value=value)])
        assert list(store.verify()) == []
    with closing(sqlite3.connect(tmp_path / "store", isolation_level=None)) as connection:
        connection.execute("DROP TRIGGER log_tile_update")
        connection.execute("DROP TRIGGER log_tile_delete")
        for change in ("UPDATE log_tile SET hashes = x'77'", "DELETE FROM log_tile"):
            connection.execute(change)
            (found,) = _found(tmp_path)
            assert (found.where, found.trouble) == ("ledger, tile 0 of level 0", "it is gone or was changed")


def test_a_file_that_changed_or_went_is_named(tampered: sqlite3.Connection, tmp_path: Path) -> None:
    (file,) = (tmp_path / "store.blobs").glob("*/*")
    file.write_bytes(b"y" + file.read_bytes()[1:])
    assert {finding.trouble for finding in _found(tmp_path)} == {"the bytes of its file are others"}
    file.unlink()
    found = _found(tmp_path)
    assert {finding.trouble for finding in found} == {"its file is gone"}
    assert [finding.where for finding in found] == [f"payload of sample {'a' * 32}/{index}" for index in range(5, 10)]


def test_a_damaged_file_is_reported(sound: Path, tmp_path: Path) -> None:
    shutil.copytree(sound, tmp_path, dirs_exist_ok=True)
    with closing(sqlite3.connect(tmp_path / "store")) as connection:
        (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'sample'").fetchone()
    with (tmp_path / "store").open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xff" * 4096)
    (found,) = _found(tmp_path)
    assert found.where == "the file of the store"
    assert "its file is damaged. Restore a backup" in found.trouble


@pytest.mark.parametrize(
    "statement",
    ["UPDATE sample SET flaw = NULL", "DELETE FROM sample", "DELETE FROM log_entry", "DELETE FROM log_frontier"],
)
def test_evidence_is_guarded_by_triggers(sound: Path, tmp_path: Path, statement: str) -> None:
    shutil.copytree(sound, tmp_path, dirs_exist_ok=True)
    with (
        closing(sqlite3.connect(tmp_path / "store")) as connection,
        pytest.raises(sqlite3.IntegrityError, match="evidence is not changed"),
    ):
        connection.execute(statement)


def test_the_key_that_signs_is_given_to_those_who_sign_for_the_store(tmp_path: Path) -> None:
    """Not one that is not that of the ledger, such as that of another store under the same origin."""
    ring = KeyRing(tmp_path / "keys")
    with closing(SQLStore(f"sqlite:///{tmp_path / 'store'}", ring=ring, origin="example.org/log")) as store:
        store.put_run(make_run())
        signer = store.signer
        assert signer is not None
        assert signer.name == store.info()["head"]["origin"]
        # A newer key of the origin that is not the ledger's leaves that which is.
        ring.promote("example.org/log", ring.prepare("example.org/log").verifier)
        held = store.signer
        assert held is not None
        assert held.verifier == signer.verifier
        for file in ring.folder.glob("*.retired.pem"):
            file.unlink()
        assert store.signer is None


def _limit(store: SQLStore, pages: int) -> None:
    """Let the file grow by so many pages and no more, on each connection that was opened so far."""
    with store.database.reading() as connection:
        size = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count={size + pages}")
