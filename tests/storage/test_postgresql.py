from __future__ import annotations

import os
import struct
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import create_engine, insert

from genwright.errors import Conflict, Forbidden, ForeignStore, StoreError, StoreLocked, StoreReadOnly, UnknownName
from genwright.query import Query
from genwright.store import Finding, Score
from genwright.testing.stores import make_checkpoint, make_record, make_run
from genwright_storage import postgresql, queries
from genwright_storage.migrations import HEAD
from genwright_storage.migrations.upgrade import migrate
from genwright_storage.queries import run_key
from genwright_storage.rows import new_rows
from genwright_storage.search import conditions
from genwright_storage.search.index import TEXT, Index, last_indexed
from genwright_storage.store import SQLStore
from genwright_storage.tables import batch, metadata, sample
from tests.storage.contract import SQLStoreTests, fill
from tests.storage.server import Server, binaries


class TestPostgreSQLStore(SQLStoreTests):
    @pytest.fixture
    def store(self, team_url: str) -> Iterator[SQLStore]:
        with closing(SQLStore(team_url)) as store:
            yield store

    def test_a_store_opened_for_reading_is_read(self, store: SQLStore) -> None:
        run = make_run()
        store.put_run(run)
        with closing(SQLStore(f"{store.url}?mode=ro")) as reader:
            assert reader.run("LAST") == run
            assert list(reader.verify()) == []
            with pytest.raises(
                StoreReadOnly, match=r"it can only be read. Use a role that may write, leave out mode=ro"
            ):
                reader.put_samples([make_record(run, 0)])

    def test_samples_are_read_and_verified_in_constant_memory(self, store: SQLStore) -> None:
        run = make_run()
        store.put_run(run)
        for start in range(0, 20_000, 2000):
            store.put_samples([make_record(run, start + index) for index in range(2000)])
        tracemalloc.start()
        try:
            assert sum(1 for _ in store.samples()) == 20_000
            assert list(store.verify()) == []
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < 8_000_000  # a page of 2,000; all of them take 20 MB

    def test_a_text_with_nul_is_not_found(self, store: SQLStore) -> None:
        """The server refuses the character, where SQLite finds nothing."""
        run = make_run()
        store.put_run(run)
        store.put_samples([make_record(run, 0)])
        assert list(store.samples(text="C\0")) == list(store.samples(identity="\0")) == []
        with pytest.raises(UnknownName):
            store.run("\0")

    def test_files_hold_large_payloads_where_a_folder_is_named(self, store: SQLStore, tmp_path: Path) -> None:
        run, large = make_run(), b"x" * 100_000
        store.put_run(run)
        with closing(SQLStore(f"{store.url}?blobs={tmp_path}")) as other:
            other.put_samples([make_record(run, 0, payload=large), make_record(run, 1)])
            assert other.sample("LAST/0").payload == large
            assert list(other.verify()) == []
        assert [file.stat().st_size for file in tmp_path.glob("*/*")] == [100_000]
        with pytest.raises(StoreError, match="the system could not read"):
            store.sample("LAST/0")
        trouble = "it lies in a file; say where with ?blobs= in the URL of the store, or GENWRIGHT_BLOBS"
        assert list(store.verify()) == [Finding(where=f"payload of sample {run.id}/0", trouble=trouble)]

    def test_writers_of_the_same_samples_at_once_store_them_once(self, store: SQLStore) -> None:
        run = make_run()
        store.put_run(run)
        errors = _at_once(4, lambda _: store.put_samples([make_record(run, index) for index in range(50)]))
        assert errors == []
        assert [record.index for record in store.samples()] == list(range(50))
        assert list(store.verify()) == []

    def test_of_writers_that_differ_at_once_the_first_wins(self, store: SQLStore) -> None:
        run = make_run()
        store.put_run(run)
        errors = _at_once(4, lambda number: store.put_samples([make_record(run, 0, flaw=str(number))]))
        assert [type(error) for error in errors] == [Conflict] * 3
        assert list(store.verify()) == []

    def test_runs_and_checkpoints_that_several_put_at_once_are_put_once(self, store: SQLStore) -> None:
        run = make_run()

        def put(_: int) -> None:
            store.put_run(run)
            store.put_checkpoint(make_checkpoint())

        assert _at_once(4, put) == []
        assert store.info()["runs"] == store.info()["checkpoints"] == 1
        assert list(store.verify()) == []

    def test_what_is_indexed_for_searches_waits_for_writes_in_progress(self, store: SQLStore, team_url: str) -> None:
        """A batch that began earlier and is committed later has lower keys, and would be passed over for good."""
        run = make_run()
        store.put_run(run)
        with closing(SQLStore(team_url)) as other:
            with other.database.writing() as connection:
                run_id, _ = run_key(connection, run.id)
                values = {"run_id": run_id, **_BATCH}
                key = connection.execute(insert(batch).values(values).returning(batch.c.id)).scalar_one()
                late = make_record(run, 99, canonical="ringed")
                other.database.insert_samples(connection, run_id, key, new_rows([late]))
                store.put_samples([make_record(run, 0, canonical="ringed")])
                with pytest.raises(StoreLocked, match=r"another process is writing to it .*Wait for that process"):
                    store.database.horizon(sample.c.id)
                assert [hit.record.index for hit in store.search(Query(text="ringed"))] == [0]
                with store.database.reading() as reader:
                    assert last_indexed(reader, TEXT) == 0
            assert [hit.record.index for hit in store.search(Query(text="ringed"))] == [0, 99]
            with store.database.reading() as reader:
                assert last_indexed(reader, TEXT) == (key + 1) << 24

    def test_who_begins_to_write_later_is_not_waited_for_and_does_not_wait(
        self, store: SQLStore, monkeypatch: pytest.MonkeyPatch, server: Server, team: str
    ) -> None:
        monkeypatch.setattr(postgresql, "_PATIENCE", 30.0)
        run = make_run()
        store.put_run(run)
        with server.connect(team) as first, server.connect(team) as second, ThreadPoolExecutor(1) as pool:
            first.execute("BEGIN; LOCK TABLE batch IN ROW EXCLUSIVE MODE")
            waiting = pool.submit(store.database.horizon, sample.c.id)
            time.sleep(0.1)
            second.execute("BEGIN; LOCK TABLE batch IN ROW EXCLUSIVE MODE")
            store.put_samples([make_record(run, 0)])
            assert not waiting.done()
            first.execute("COMMIT")
            assert waiting.result(30) == 0
            second.execute("COMMIT")

    def test_a_search_finds_all_that_several_write_meanwhile(self, store: SQLStore) -> None:
        run = make_run(config={"where": {"logP": 1.0}})
        store.put_run(run)
        query = Query(where={"logP": (0.0, 2.0)})

        def write(number: int) -> None:
            for start in range(number * 50, number * 50 + 50, 5):
                store.put_samples([make_record(run, start + index) for index in range(5)])
                list(store.search(query))

        assert _at_once(4, write) == []
        assert sorted(hit.record.index for hit in store.search(query)) == list(range(200))

    def test_several_index_at_once_and_leave_one_index(self, store: SQLStore) -> None:
        run = make_run(config={"where": {"logP": 1.0}})
        store.put_run(run)

        def index(number: int) -> None:
            for start in range(number * 50, number * 50 + 50, 10):
                store.put_samples([make_record(run, start + place, payload=b"CCOC") for place in range(10)])
                Index(store.database, store.blobs).catch_up_all()

        assert _at_once(4, index) == []
        Index(store.database, store.blobs).catch_up_all()
        with store.database.reading() as connection:
            assert connection.exec_driver_sql("SELECT count(*) FROM text_index").scalar() == 200
            assert connection.exec_driver_sql("SELECT count(*) FROM run_condition").scalar() == 1
            pages = connection.exec_driver_sql("SELECT samples FROM fingerprint WHERE kind = 'molecules/morgan'")
            ids = [id for page in pages.scalars() for (id,) in struct.iter_unpack("<q", page)]
        assert len(ids) == len(set(ids)) == 200
        for query in (Query(text="CCOC"), Query(match="ccoc"), Query(where={"logP": 1.0})):
            assert sorted(hit.record.index for hit in store.search(query)) == list(range(200))

    def test_a_search_goes_on_while_another_keeps_the_index(self, store: SQLStore, team_url: str) -> None:
        run = make_run()
        store.put_run(run)
        store.put_samples([make_record(run, 0, canonical="ringed")])
        with closing(SQLStore(team_url)) as other, other.database.indexing():
            assert [hit.record.index for hit in store.search(Query(text="ringed"))] == [0]
        with store.database.reading() as connection:
            assert last_indexed(connection, TEXT) == 0

    def test_questions_are_answered_by_indexes(self, store: SQLStore, server: Server, team: str) -> None:
        """Those that are partial are used only where a statement says what they are of."""
        run = make_run()
        store.put_run(run)
        for start in range(0, 4000, 1000):
            scores = [Score(metric="m", value=index / 1000, index=start + index) for index in range(1000)]
            store.put_samples([make_record(run, start + i, identity=f"KEY-{start + i}") for i in range(1000)])
            store.put_scores(run.id, scores)
        Index(store.database, store.blobs).catch_up(text=True)
        with server.connect(team) as connection:
            connection.execute("ANALYZE")
        asked = queries.SAMPLES.add_columns(sample.c.id)
        wanted = {
            "sample_until_4097_identity_idx": conditions.of_samples(Query(identity="KEY-7")),
            "ix_score_sample": [conditions.scored(Query(scores={"m": (0.0, 1.0)})), sample.c.idx == 7],
        }
        with store.database.reading() as connection:
            for name, those in wanted.items():
                statement = asked.where(*those).compile(connection, compile_kwargs={"literal_binds": True})
                assert name in "\n".join(connection.exec_driver_sql(f"EXPLAIN {statement}").scalars())
            # Of so few rows, reading all takes as long.
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
            found = "WHERE terms @> ARRAY[5, 7]"
            plan = connection.exec_driver_sql(f"EXPLAIN SELECT sample_id FROM text_index {found}").scalars()
            assert "ix_text_index_terms" in "\n".join(plan)


_BATCH = {"first_idx": 99, "last_idx": 99, "size": 1, "root": bytes(32), "seq": -99}


def _at_once(count: int, put: object) -> list[Exception]:
    """Return the errors of so many calls that begin at the same moment."""
    barrier, errors = threading.Barrier(count), []

    def call(number: int) -> None:
        barrier.wait()
        try:
            put(number)  # type: ignore[operator]
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=call, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


def test_a_password_is_never_told(server: Server, team_url: str) -> None:
    password = team_url.split(":")[2].partition("@")[0]
    with closing(SQLStore(team_url)) as store:
        assert password not in store.url + str(store.info())
        assert store.url.startswith("postgresql+psycopg://genwright@127.0.0.1:")
    with pytest.raises(Forbidden) as caught:
        SQLStore(team_url.replace(password, "no-password"))
    assert "no-password" not in str(caught.value)
    assert "does not let this user in (" in str(caught.value)
    assert "Check the user and the password: in the URL, in PGPASSWORD, or in the file .pgpass." in str(caught.value)


def test_a_server_that_is_not_there_is_told(team_url: str) -> None:
    with pytest.raises(StoreError, match=r"its server does not answer \(.*\). Check that it runs, and the host"):
        SQLStore("postgresql+psycopg://genwright@127.0.0.1:1/db")
    with pytest.raises(StoreError, match=r"there is no such database \(.*\). Make one with: createdb NAME"):
        SQLStore(f"{team_url}_that_is_not_there")


def test_a_missing_package_is_named(team_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(StoreError, match=r"needs the package psycopg;.*Run: pip install 'genwright-storage\[postgr"):
        SQLStore(team_url)


def test_the_database_of_another_program_is_left_alone(server: Server, postgresql: str) -> None:
    with server.connect(postgresql.rpartition("/")[2]) as connection:
        connection.execute("CREATE TABLE recipes (name text)")
        with pytest.raises(ForeignStore, match=r"of another program, with 1 tables.*name another database"):
            SQLStore(postgresql)
        names = connection.execute("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace")
        assert names.fetchall() == [("recipes",)]


def test_a_database_in_another_encoding_is_refused(server: Server) -> None:
    with server.connect("postgres") as connection:
        connection.execute("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
        try:
            with pytest.raises(StoreError, match=r"a database in UTF8; .* in LATIN1. Make another: createdb"):
                SQLStore(server.url("latin"))
        finally:
            connection.execute("DROP DATABASE latin WITH (FORCE)")


def test_a_store_that_is_not_made_yet_is_not_made_for_reading(postgresql: str) -> None:
    with pytest.raises(StoreReadOnly, match=r"is to be made; it can only be read. Open it for writing once"):
        SQLStore(f"{postgresql}?mode=ro")


def test_several_open_a_new_database_at_once(postgresql: str) -> None:
    assert _at_once(3, lambda _: SQLStore(postgresql).close()) == []
    with closing(SQLStore(postgresql)) as store:
        assert list(store.verify()) == []
        assert store.info()["head"]["size"] == 1


def test_a_store_of_a_newer_version_is_left_alone(team_url: str, behind: psycopg.Connection) -> None:
    behind.execute("UPDATE alembic_version SET version_num = 'v9.0.0'")
    try:
        with pytest.raises(ForeignStore, match=rf"it is of revision v9.0.0, newer than {HEAD}"):
            SQLStore(team_url)
    finally:
        behind.execute(f"UPDATE alembic_version SET version_num = '{HEAD}'")


def test_a_store_of_an_older_version_is_not_migrated_without_a_backup(
    team_url: str, behind: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    behind.execute("UPDATE alembic_version SET version_num = 'v0.1.0'")
    monkeypatch.setenv("PATH", "")
    try:
        with pytest.raises(StoreError, match=r"with pg_dump before it is migrated from v0.1.0; it is not installed"):
            SQLStore(team_url)
        with pytest.raises(StoreReadOnly, match=rf"of revision v0.1.0 is to be brought to {HEAD}; it can only be read"):
            SQLStore(f"{team_url}?mode=ro")
    finally:
        behind.execute(f"UPDATE alembic_version SET version_num = '{HEAD}'")


def test_new_tables_are_those_that_the_migrations_make(server: Server) -> None:
    with server.database() as made, server.database() as migrated:
        for name, make in ((made, postgresql.make_tables), (migrated, None)):
            engine = create_engine(server.url(name))
            if make is None:
                migrate(engine, then=lambda _: None)
            else:
                with engine.begin() as connection:
                    make(connection)
            engine.dispose()
        assert _schema(server, made) == _schema(server, migrated)


def _schema(server: Server, database: str) -> list[str]:
    programs = binaries()
    assert programs is not None
    place = server.url(database).replace("+psycopg", "")
    command = [programs / "pg_dump", "--schema-only", f"--dbname={place}"]
    dumped = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [line for line in dumped.splitlines() if not line.startswith(("--", "\\restrict", "\\unrestrict"))]


def test_a_writer_that_another_keeps_waiting_gives_up(team_url: str, server: Server, team: str) -> None:
    run = make_run()
    with closing(SQLStore(team_url, patience=0.1)) as store, server.connect(team) as other:
        store.put_run(run)
        store.put_samples([make_record(run, 0)])
        columns = ", ".join(column.name for column in metadata.tables["sample"].columns if column.name != "idx")
        with other.transaction(force_rollback=True):
            other.execute(f"INSERT INTO sample (idx, {columns}) SELECT 1, {columns} FROM sample")
            with pytest.raises(StoreLocked, match=r"another process is writing to it .*Wait for that process"):
                store.put_samples([make_record(run, 1)])
        store.put_samples([make_record(run, 1)])
        assert list(store.verify()) == []


def test_what_was_acknowledged_survives_a_crash_of_the_server(server: Server) -> None:
    with server.database() as name, closing(SQLStore(server.url(name))) as store:
        run = make_run()
        store.put_run(run)
        store.put_samples([make_record(run, index) for index in range(100)])
        server.crash()
        try:
            with pytest.raises(StoreError, match=r"server .*every acknowledged sample is safe"):
                store.put_samples([make_record(run, 100)])
        finally:
            server.start()
        store.put_samples([make_record(run, 101)])
        assert [record.index for record in store.samples()] == [*range(100), 101]
        assert list(store.verify()) == []


def test_connections_of_users_who_acknowledge_too_early_are_set_right(team_url: str, server: Server, team: str) -> None:
    with server.connect(team) as connection:
        connection.execute(f'ALTER DATABASE "{team}" SET synchronous_commit = off')
        try:
            with closing(SQLStore(team_url)) as store, store.database.reading() as found:
                assert found.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"
        finally:
            connection.execute(f'ALTER DATABASE "{team}" RESET synchronous_commit')


@pytest.fixture
def sound(team_url: str) -> Iterator[SQLStore]:
    """A store that has something of everything."""
    with closing(SQLStore(team_url)) as store:
        fill(store)
        assert list(store.verify()) == []
        yield store


_NO_EVIDENCE = {"id", "batch_id", "actor_id", "erased_seq", "fence"}
_TABLES = ("batch", "checkpoint", "checkpoint_file", "environment", "log_entry", "log_frontier", "note", "run")
_TABLES = (*_TABLES, "run_end", "sample", "score", "signing_key")


@pytest.mark.parametrize("table", _TABLES)
def test_a_change_of_any_column_is_found(sound: SQLStore, behind: psycopg.Connection, table: str) -> None:
    for column in metadata.tables[table].columns:
        # When a head was kept only decides when the next is.
        if column.name in _NO_EVIDENCE or (table, column.name) == ("note", "created_ns"):
            continue
        where = f"WHERE ctid = (SELECT ctid FROM {table} ORDER BY ctid LIMIT 1)"
        kind, value = behind.execute(
            f"SELECT pg_typeof({column.name})::text, {column.name} FROM {table} {where}"
        ).fetchone()
        row = behind.execute(
            f"UPDATE {table} SET {column.name} = %s {where} RETURNING ctid::text", (_other(kind, value, column.name),)
        ).fetchone()
        assert list(sound.verify()) != [], column.name
        behind.execute(f"UPDATE {table} SET {column.name} = %s WHERE ctid = %s::tid", (value, row[0]))
    assert list(sound.verify()) == []


def _other(kind: str, value: object, column: str) -> object:
    if value is None:
        return {"seq": 1, "idx": 1, "proof": b"w", "root": bytes(32)}.get(column, "x")
    if isinstance(value, bytes):
        return b"CCN" if column == "payload" else value[:-1] + bytes([value[-1] ^ 1])
    if isinstance(value, str):
        return f"{value[:-1]}{'Y' if value.endswith('Z') else 'Z'}"
    return value + (1e-9 if kind == "double precision" else 77)  # type: ignore[operator]


def test_what_was_changed_is_named(sound: SQLStore, behind: psycopg.Connection) -> None:
    behind.execute("UPDATE sample SET flaw = NULL WHERE idx = 3")
    behind.execute("UPDATE sample SET payload = 'N' WHERE idx = 2 AND run_id = (SELECT min(id) FROM run)")
    trouble = "it was changed after it was put"
    places = (f"payload of sample {'a' * 32}/2", f"sample {'a' * 32}/3")
    assert list(sound.verify()) == [Finding(where=where, trouble=trouble) for where in places]


def test_samples_that_went_changed_places_or_were_added_are_named(sound: SQLStore, behind: psycopg.Connection) -> None:
    behind.execute("DELETE FROM sample WHERE idx = 1")
    columns = ", ".join(c.name for c in metadata.tables["sample"].columns if c.name not in ("id", "idx"))
    behind.execute(f"INSERT INTO sample (id, idx, {columns}) SELECT id + 9, 77, {columns} FROM sample WHERE idx = 4")
    found = {finding.where: finding.trouble for finding in sound.verify()}
    assert found[f"sample {'a' * 32}/1"] == "it is gone"
    assert found[f"sample {'c' * 32}/77"] == found[f"sample {'a' * 32}/77"] == "it was changed after it was put"


@pytest.mark.parametrize("table", ["run_end", "checkpoint", "score", "batch"])
def test_anything_removed_is_found(sound: SQLStore, behind: psycopg.Connection, table: str) -> None:
    behind.execute(f"DELETE FROM {table}")
    found = {finding.trouble for finding in sound.verify()}
    assert "it is in the ledger, and gone from the store" in found


def test_a_removed_tail_of_the_ledger_is_found_by_a_noted_head(sound: SQLStore, behind: psycopg.Connection) -> None:
    (head,) = behind.execute("SELECT note FROM log_frontier").fetchone()
    behind.execute("DELETE FROM log_entry WHERE seq = (SELECT max(seq) FROM log_entry)")
    found = [finding.where for finding in sound.verify(heads=[head])]
    assert "the head that was given, of 8 entries" in found


def test_what_others_put_meanwhile_is_another_runs_own(team_url: str) -> None:
    """Two processes that write to one run and to two leave a ledger that is whole."""
    code = """
import sys
from genwright.testing.stores import make_record, make_run
from genwright_storage.store import SQLStore
store, start, ids = SQLStore(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
for id in ids:
    run = store.run(id)
    for index in range(start, start + 200, 10):
        store.put_samples([make_record(run, index + i) for i in range(10)])
store.close()
"""
    with closing(SQLStore(team_url)) as store:
        runs = [make_run(), make_run()]
        for run in runs:
            store.put_run(run)
        ids = [run.id for run in runs]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        commands = [[sys.executable, "-c", code, team_url, str(start), *ids] for start in (0, 200)]
        processes = [subprocess.Popen(command, env=environment) for command in commands]
        assert [process.wait() for process in processes] == [0, 0]
        for run in runs:
            assert [record.index for record in store.samples(run=run.id)] == list(range(400))
        assert list(store.verify()) == []
        assert store.info()["pending"] == 0


def test_a_run_that_started_otherwise_meanwhile_is_a_conflict(team_url: str) -> None:
    with closing(SQLStore(team_url)) as store:
        run = make_run()
        errors = _at_once(3, lambda number: store.put_run(replace(run, seed=number)))
        assert [type(error) for error in errors] == [Conflict, Conflict]
