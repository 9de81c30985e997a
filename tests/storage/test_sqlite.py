import errno
import os
import re
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from genwright.errors import ForeignStore, StoreError, StoreLocked, StoreReadOnly, UsageError
from genwright.testing.stores import make_record
from genwright_storage.kinds import ERASABLE, EVIDENCE, TERMS
from genwright_storage.migrations import HEAD, REVISIONS
from genwright_storage.migrations.upgrade import backup, script, upgrade
from genwright_storage.sqlite import APPLICATION, SQLiteDatabase
from genwright_storage.store import SQLStore
from genwright_storage.tables import metadata

SOMETHING = {"INTEGER": 77, "REAL": 1.0, "TEXT": "5f" * 16, "BLOB": b"5f" * 16}
RELEASED = Path(__file__).parent / "released"
PRAGMAS = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "trusted_schema": 0, "mmap_size": 0}


def schema(path: Path) -> dict[str, str]:
    with sqlite3.connect(path) as connection:
        rows = connection.execute("SELECT type || ' ' || name, coalesce(sql, '') FROM sqlite_master")
        return {name: " ".join(sql.split()) for name, sql in rows}


def test_a_new_file_has_the_tables_that_the_migrations_make(tmp_path: Path) -> None:
    SQLiteDatabase(f"sqlite:///{tmp_path / 'new'}", patience=1).close()
    upgrade(create_engine(f"sqlite:///{tmp_path / 'migrated'}"), tmp_path / "migrated", "nothing", then=lambda _: None)
    assert schema(tmp_path / "new") == schema(tmp_path / "migrated")
    assert schema(tmp_path / "migrated.nothing.backup") == {}


def test_the_revisions_are_those_that_alembic_finds() -> None:
    directory = ScriptDirectory.from_config(script())
    assert tuple(r.revision for r in reversed(list(directory.walk_revisions()))) == REVISIONS
    assert directory.get_heads() == [HEAD]


def test_opening_an_up_to_date_store_imports_no_alembic(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'store.sqlite'}"
    SQLStore(url).close()
    code = (
        f"import sys; from genwright_storage.store import SQLStore; SQLStore({url!r}); print('alembic' in sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=_environment())
    assert out.stdout.strip() == "False"


def test_every_table_is_strict_and_every_constraint_named(tmp_path: Path) -> None:
    SQLiteDatabase(f"sqlite:///{tmp_path / 'store'}", patience=1).close()
    with sqlite3.connect(tmp_path / "store") as connection:
        tables = connection.execute("PRAGMA table_list").fetchall()
    lax = [name for _, name, kind, _, _, strict in tables if kind == "table" and not strict]
    assert [name for name in lax if not name.startswith("sqlite_")] == ["alembic_version"]
    nameless = [t.name for t in metadata.tables.values() for c in t.constraints if not c.name]
    assert nameless == []


@pytest.mark.parametrize("table", [*EVIDENCE, *ERASABLE, *TERMS])
def test_evidence_is_neither_changed_nor_deleted(table: str, tmp_path: Path) -> None:
    SQLiteDatabase(f"sqlite:///{tmp_path / 'store'}", patience=1).close()
    with closing(sqlite3.connect(tmp_path / "store")) as connection:
        columns = connection.execute(f"PRAGMA table_info({table})").fetchall()
        connection.execute("PRAGMA ignore_check_constraints=ON")
        row = [SOMETHING[kind] for _, _, kind, *_ in columns]
        connection.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", row)
        for change in (f"UPDATE {table} SET {columns[0][1]} = {columns[0][1]}", f"DELETE FROM {table}"):
            with pytest.raises(sqlite3.IntegrityError, match=f"evidence is not changed: {table}$"):
                connection.execute(change)


@pytest.mark.parametrize("table", ["plugin", "environment_plugin", "metric", "dataset", "sample_text", "image_meta"])
def test_no_table_stands_for_what_nothing_records(table: str, tmp_path: Path) -> None:
    """Six tables were once empty in every store, and looked as if there were nothing to know."""
    SQLiteDatabase(f"sqlite:///{tmp_path / 'store'}", patience=1).close()
    assert not [name for name in schema(tmp_path / "store") if name.split()[-1].startswith(table)]


def test_files_beside_the_database_are_named_by_samples_alone(tmp_path: Path) -> None:
    """A table of them was once filled with the media type of another sample, and never read."""
    SQLiteDatabase(f"sqlite:///{tmp_path / 'store'}", patience=1).close()
    assert "table blob" not in schema(tmp_path / "store")


def test_each_connection_is_set_for_durability(tmp_path: Path) -> None:
    database = SQLiteDatabase(f"sqlite:///{tmp_path / 'store'}", patience=1)
    with database.reading() as connection:
        found = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in PRAGMAS}
        assert connection.exec_driver_sql("PRAGMA application_id").scalar() == APPLICATION
        assert connection.exec_driver_sql("PRAGMA user_version").scalar() == 1
    assert found == PRAGMAS


def test_folders_are_made_for_the_owner_alone(tmp_path: Path) -> None:
    SQLiteDatabase(f"sqlite:///{tmp_path / 'a' / 'b' / 'store'}", patience=1).close()
    assert [p.stat().st_mode & 0o777 for p in (tmp_path / "a", tmp_path / "a" / "b")] == [0o700, 0o700]


def test_a_file_is_made_for_the_owner_alone_and_so_are_those_beside_it(tmp_path: Path) -> None:
    """It holds prompts, and the salts without which hashes of what was erased tell nothing."""
    path = tmp_path / "store"
    with closing(SQLiteDatabase(f"sqlite:///{path}", patience=1)) as database:
        with database.writing() as connection:
            connection.exec_driver_sql("UPDATE alembic_version SET version_num = version_num")
        database.copy(tmp_path / "copy")
        files = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.iterdir() if file.suffix != ".lock"}
    assert files == dict.fromkeys(("store", "store-wal", "store-shm", "copy"), 0o600)


def test_a_file_that_others_may_read_stays_so(tmp_path: Path) -> None:
    path = tmp_path / "store"
    SQLiteDatabase(f"sqlite:///{path}", patience=1).close()
    path.chmod(0o644)
    SQLiteDatabase(f"sqlite:///{path}", patience=1).close()
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("these are my notes, " * 100)
    with pytest.raises(ForeignStore, match=r"it is no SQLite database. It was left as it is"):
        SQLiteDatabase(f"sqlite:///{path}", patience=1)
    assert path.read_text() == "these are my notes, " * 100


def test_the_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE recipes (name)")
    before = path.read_bytes()
    with pytest.raises(ForeignStore, match=r"an SQLite database of another program, with 1 tables.*name another file"):
        SQLiteDatabase(f"sqlite:///{path}", patience=1)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["other.db"]


def test_a_store_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "store"
    SQLiteDatabase(f"sqlite:///{path}", patience=1).close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'v9.0.0'")
    with pytest.raises(ForeignStore, match=rf"it is of revision v9.0.0, newer than {HEAD}"):
        SQLiteDatabase(f"sqlite:///{path}", patience=1)


def test_a_store_that_another_process_writes_to_is_locked(tmp_path: Path) -> None:
    database = SQLiteDatabase(f"sqlite:///{tmp_path / 'store'}", patience=0.1)
    other = sqlite3.connect(tmp_path / "store", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with (
        pytest.raises(StoreLocked, match=r"another process is writing to it.*Wait for that process"),
        database.writing(),
    ):
        pass
    other.execute("ROLLBACK")
    other.close()
    with database.writing():
        pass


def test_a_store_opened_for_reading_refuses_to_write(tmp_path: Path) -> None:
    SQLiteDatabase(f"sqlite:///{tmp_path / 'store'}", patience=1).close()
    database = SQLiteDatabase(f"sqlite:///{tmp_path / 'store'}?mode=ro", patience=1)
    with (
        pytest.raises(StoreReadOnly, match=r"it can only be read. Change the permissions.*--store"),
        database.writing(),
    ):
        pass


def test_a_store_that_is_not_there_is_not_made_for_reading(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"is to be read; there is no such file. Name another with --store"):
        SQLiteDatabase(f"sqlite:///{tmp_path / 'store'}?mode=ro", patience=1)
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize("mode", [0o644, 0o666])
def test_another_user_reads_a_store_in_a_folder_that_is_not_theirs(mode: int) -> None:
    """A file that could be written was once opened for writing, though its log had no place in the folder."""
    code = """
import os, sys
from genwright.errors import StoreReadOnly
from genwright_storage.sqlite import SQLiteDatabase
SQLiteDatabase(sys.argv[1], patience=1).close()  # imports all that is needed while it may
os.chmod(sys.argv[2], int(sys.argv[3]))
os.setuid(65534)
database = SQLiteDatabase(sys.argv[1], patience=1)
with database.reading() as connection:
    print(connection.exec_driver_sql("SELECT count(*) FROM run").scalar())
try:
    with database.writing() as connection:
        pass
except StoreReadOnly as error:
    print(error)
"""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        command = [sys.executable, "-c", code, f"sqlite:///{folder}/store", f"{folder}/store", str(mode)]
        out = subprocess.run(command, capture_output=True, text=True, env=_environment())
    assert re.match(r"0\n.*it can only be read", out.stdout), out.stderr


def test_a_url_that_names_no_file_is_refused() -> None:
    with pytest.raises(UsageError, match=r"is sqlite:///path; got 'sqlite:store'. Write three slashes."):
        SQLiteDatabase("sqlite:store", patience=1)


def test_a_url_may_be_quoted(tmp_path: Path) -> None:
    SQLiteDatabase(f"sqlite:///{tmp_path}/a%20b%3f.db", patience=1).close()
    assert (tmp_path / "a b?.db").is_file()


def test_several_processes_can_make_the_same_store(tmp_path: Path) -> None:
    opened = f"SQLiteDatabase('sqlite:///{tmp_path / 'store'}', patience=20)"
    code = f"from genwright_storage.sqlite import SQLiteDatabase; {opened}"
    processes = [subprocess.Popen([sys.executable, "-c", code], env=_environment()) for _ in range(4)]
    assert [process.wait() for process in processes] == [0, 0, 0, 0]


@pytest.mark.parametrize("released", sorted(RELEASED.glob("*.sql")), ids=lambda path: path.stem)
def test_a_store_of_each_release_is_brought_up_to_date_with_its_evidence(released: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "store")) as old:
        old.executescript(released.read_text(encoding="utf-8"))
        records = old.execute("SELECT idx, leaf FROM sample ORDER BY id").fetchall()
        (leaf,) = old.execute("SELECT hashes FROM log_frontier").fetchone()
    revision = released.stem.replace("_", ".")
    with closing(SQLStore(f"sqlite:///{tmp_path / 'store'}")) as store:
        assert list(store.verify()) == []
        assert store.info()["format"] == HEAD
        assert [(r.index, r.prompt) for r in store.samples(run="a")] == [(index, "a prompt") for index in range(5)]
        assert store.run("a").error == "an error"
        store.put_samples(list(store.samples(run="a")))
        store.put_samples([make_record(store.run("a"), 9)])
        assert list(store.verify()) == []
    with closing(sqlite3.connect(tmp_path / "store")) as new:
        assert new.execute("SELECT idx, leaf FROM sample ORDER BY id").fetchall()[: len(records)] == records
        found = new.execute("SELECT kind, ref FROM log_entry ORDER BY seq DESC LIMIT 4").fetchall()
        assert [kind for kind, _ in found] == ["samples", "migration", "key", "end"]
        assert found[1][1] == f"{revision} to {HEAD}"
    with closing(sqlite3.connect(tmp_path / f"store.{revision}.backup")) as copy:
        assert copy.execute("SELECT hashes FROM log_frontier").fetchone() == (leaf,)


def test_a_store_of_an_older_release_is_not_migrated_when_it_is_only_read(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "store")) as old:
        old.executescript((RELEASED / "v0_1_0.sql").read_text(encoding="utf-8"))
    with pytest.raises(StoreReadOnly, match=rf"of revision v0.1.0 is to be brought to {HEAD}; it can only be read"):
        SQLStore(f"sqlite:///{tmp_path / 'store'}?mode=ro")


def test_a_backup_is_a_store_of_its_own(tmp_path: Path) -> None:
    SQLiteDatabase(f"sqlite:///{tmp_path / 'store'}", patience=1).close()
    copy = backup(tmp_path / "store", HEAD)
    assert copy == tmp_path / f"store.{HEAD}.backup"
    assert schema(copy) == schema(tmp_path / "store")
    SQLiteDatabase(f"sqlite:///{copy}", patience=1).close()


def _application(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("PRAGMA application_id").fetchone()[0])


@pytest.mark.parametrize("left", ["nothing", "text", "a part", "another program's"])
def test_a_backup_that_is_none_is_made_anew(tmp_path: Path, left: str) -> None:
    """A process that died while it wrote one left it behind, and the next migrated without any."""
    SQLiteDatabase(f"sqlite:///{tmp_path / 'store'}", patience=1).close()
    copy = tmp_path / f"store.{HEAD}.backup"
    if left == "another program's":
        with closing(sqlite3.connect(copy)) as connection:
            connection.execute("CREATE TABLE recipes (name)")
    else:
        whole = (tmp_path / "store").read_bytes()
        copy.write_bytes({"nothing": b"", "text": b"my notes, " * 1000, "a part": whole[: len(whole) // 2]}[left])
    assert backup(tmp_path / "store", HEAD) == copy
    assert schema(copy) == schema(tmp_path / "store")
    assert (_application(copy), copy.stat().st_mode & 0o777) == (APPLICATION, 0o600)


def test_a_backup_that_is_there_stays(tmp_path: Path) -> None:
    SQLiteDatabase(f"sqlite:///{tmp_path / 'store'}", patience=1).close()
    before = backup(tmp_path / "store", HEAD).stat()
    assert backup(tmp_path / "store", HEAD).stat().st_ino == before.st_ino


def test_a_backup_appears_under_its_name_when_it_is_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    SQLiteDatabase(f"sqlite:///{tmp_path / 'store'}", patience=1).close()
    copy, flushed = tmp_path / f"store.{HEAD}.backup", []

    def watched(path: Path) -> None:
        flushed.append((path.suffix, copy.exists()))

    def refused(path: Path) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("genwright_storage.migrations.upgrade.flush", refused)
    with pytest.raises(OSError, match="Input/output"):
        backup(tmp_path / "store", HEAD)
    assert not list(tmp_path.glob("*.backup*"))
    monkeypatch.setattr("genwright_storage.migrations.upgrade.flush", watched)
    backup(tmp_path / "store", HEAD)
    assert flushed == [(".part", False), (tmp_path.suffix, True)]


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


def test_a_store_on_a_network_file_system_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("genwright_storage.sqlite.file_system", lambda path: "nfs4")
    with pytest.raises(
        StoreError, match=r"lies on a disk of this machine; .*/store is on nfs4, .*or a store in Postgre"
    ):
        SQLStore(f"sqlite:///{tmp_path / 'store'}")
    assert os.listdir(tmp_path) == []


def test_what_an_erasure_removes_is_overwritten(tmp_path: Path) -> None:
    database = SQLiteDatabase(f"sqlite:///{tmp_path / 'store'}", patience=1)
    with database.erasing() as connection:
        assert connection.exec_driver_sql("PRAGMA secure_delete").scalar() == 1
    with database.writing() as connection:
        assert connection.exec_driver_sql("PRAGMA secure_delete").scalar() == 0


def test_a_file_is_written_anew_unless_somebody_reads(tmp_path: Path) -> None:
    database = SQLiteDatabase(f"sqlite:///{tmp_path / 'store'}", patience=0.1)
    with closing(sqlite3.connect(tmp_path / "store", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM run").fetchone()
        assert not database.rewrite()
    assert database.rewrite()
    assert (tmp_path / "store-wal").stat().st_size == 0
