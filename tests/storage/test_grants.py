from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

import psycopg
import pytest

from genwright.errors import Forbidden, StoreReadOnly
from genwright.query import Query
from genwright.searches import similar_to
from genwright.testing.stores import make_checkpoint, make_record, make_run
from genwright_storage.erasure import erase
from genwright_storage.grants import ROLES, grants, role_name
from genwright_storage.kinds import ERASABLE, EVIDENCE
from genwright_storage.migrations import HEAD
from genwright_storage.postgresql import PostgreSQLDatabase
from genwright_storage.store import SQLStore
from genwright_storage.tables import metadata
from tests.storage.server import Server

Login = Callable[[str], str]


def _connected(url: str) -> psycopg.Connection:
    return psycopg.connect(url.replace("+psycopg", ""), autocommit=True)


def test_a_generator_writes_and_reads(login: Login) -> None:
    run = make_run()
    with closing(SQLStore(login("generator"))) as store:
        store.put_checkpoint(make_checkpoint())
        store.put_run(run)
        store.put_samples([make_record(run, index) for index in range(3)])
        store.finish_run(run.id, "finished")
        assert [record.index for record in store.samples()] == [0, 1, 2]
        # It may not number entries: they wait for who may.
        assert store.info()["pending"] == 4
        assert list(store.verify()) == []


@pytest.mark.parametrize("role", ROLES)
def test_no_role_changes_or_removes_evidence(login: Login, role: str) -> None:
    allowed = {"sequencer": ("seq",), "admin": ("payload", "config", "error")}
    with _connected(login(role)) as connection:
        for table in sorted({*EVIDENCE, *ERASABLE, "log_frontier"}):
            column = next(c.name for c in metadata.tables[table].columns if c.name not in allowed.get(role, ()))
            changes = [f"DELETE FROM {table}", f"TRUNCATE {table}", f"ALTER TABLE {table} DISABLE TRIGGER ALL"]
            if (role, table) != ("sequencer", "log_frontier"):
                changes.append(f"UPDATE {table} SET {column} = {column}")
            for change in changes:
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(change)


def test_no_role_but_the_sequencer_touches_the_ledger(login: Login) -> None:
    for role in set(ROLES) - {"sequencer"}:
        with _connected(login(role)) as connection:
            for change in (
                "INSERT INTO log_entry VALUES (9, 'run', 'x', sha256('x'), 0, sha256('x'))",
                "INSERT INTO log_tile VALUES (0, 0, 'x', 'x')",
                "INSERT INTO note VALUES (9, sha256('x'), 'x', 1, 0)",
                "DELETE FROM outbox",
            ):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(change)


def test_a_viewer_reads(login: Login, team_url: str) -> None:
    run = make_run()
    with closing(SQLStore(team_url)) as store:
        store.put_run(run)
    with closing(SQLStore(login("viewer"))) as viewer:
        assert viewer.run("LAST") == run
        assert list(viewer.verify()) == []
        with pytest.raises(StoreReadOnly, match=r"it can only be read. Use a role that may write"):
            viewer.put_run(make_run())


@pytest.mark.parametrize("role", ROLES)
def test_who_may_write_anything_indexes_and_a_viewer_finds_the_same(login: Login, team_url: str, role: str) -> None:
    run = make_run(config={"where": {"logP": 1.0}})
    like = similar_to("C1CCCC1", at_least=0.1)
    queries = [Query(text="C1CC"), Query(match="c1"), Query(where={"logP": (0.0, 2.0)}), Query(like=like)]
    with closing(SQLStore(team_url)) as store, closing(SQLStore(login(role))) as other:
        store.put_run(run)
        store.put_samples([make_record(run, 0, payload=b"C1CCCC1 C1", canonical="C1CCCC1 C1")])
        store.put_samples([make_record(run, 1, payload=b"C1CCCC1", canonical="C1CCCC1")])
        found = [sorted(hit.record.index for hit in other.search(query)) for query in queries]
        with store.database.reading() as connection:
            count = "SELECT count(*) FROM search_state"
            assert connection.exec_driver_sql(count).scalar() == (0 if role == "viewer" else 3)
        assert found == [sorted(hit.record.index for hit in store.search(query)) for query in queries]
        assert found == [[0, 1], [0], [0, 1], [1]]


def test_an_admin_removes_what_is_erased_from_the_index(login: Login, team_url: str) -> None:
    run = make_run()
    with closing(SQLStore(team_url)) as store, closing(SQLStore(login("admin"))) as admin:
        store.put_run(run)
        store.put_samples([make_record(run, index, prompt=f"word{index}") for index in range(2)])
        assert [hit.record.index for hit in store.search(Query(match="word1"))] == [1]
        erase(admin, [f"{run.id}/1"], reason="asked for")
        assert list(store.search(Query(match="word1"))) == []
        with store.database.reading() as connection:
            assert connection.exec_driver_sql("SELECT count(*) FROM text_index").scalar() == 1


def test_a_reviewer_puts_no_samples(login: Login, team_url: str) -> None:
    run = make_run()
    with closing(SQLStore(team_url)) as store:
        store.put_run(run)
    with (
        closing(SQLStore(login("reviewer"))) as reviewer,
        pytest.raises(Forbidden, match=r"the user's role does not allow it \(permission denied .*grant the role"),
    ):
        reviewer.put_samples([make_record(run, 0)])


def test_a_sequencer_numbers_what_others_put(login: Login) -> None:
    run = make_run()
    with closing(SQLStore(login("generator"))) as writer, closing(SQLStore(login("sequencer"))) as store:
        writer.put_run(run)
        writer.put_samples([make_record(run, 0)])
        assert isinstance(store.database, PostgreSQLDatabase)
        assert store.database.drain() == 2
        assert list(store.verify()) == []
        with pytest.raises(Forbidden):
            store.put_run(make_run())


def test_a_store_of_an_older_version_is_left_to_its_owner(login: Login, behind: psycopg.Connection) -> None:
    url = login("generator")
    behind.execute("UPDATE alembic_version SET version_num = 'v0.1.0'")
    try:
        with pytest.raises(StoreReadOnly, match=r"that is for the owner of its tables. Have it opened by them once"):
            SQLStore(url)
    finally:
        behind.execute(f"UPDATE alembic_version SET version_num = '{HEAD}'")


def test_who_has_no_role_is_refused(login: Login) -> None:
    with pytest.raises(Forbidden, match="the user's role does not allow it"):
        SQLStore(login(""))


def test_an_admin_erases_under_a_tombstone_alone(login: Login, team_url: str, behind: psycopg.Connection) -> None:
    run = make_run()
    with closing(SQLStore(team_url)) as store:
        store.put_run(run)
        store.put_samples([make_record(run, 0)])
    with _connected(login("admin")) as connection:
        with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="evidence is not changed"):
            connection.execute("UPDATE sample SET payload = NULL")
        connection.execute(
            "INSERT INTO tombstone (kind, target, ref, leaf, reason, created_ns) "
            "SELECT 'sample', id, 'x', leaf, 'asked for', 0 FROM sample"
        )
        connection.execute("UPDATE sample SET payload = NULL")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("UPDATE sample SET leaf = leaf")


def test_a_user_who_may_not_make_roles_makes_a_store_without_them(server: Server) -> None:
    with server.database() as name, server.connect(name) as connection:
        connection.execute(f"CREATE ROLE maker LOGIN PASSWORD 'secret'; ALTER DATABASE {name} OWNER TO maker")
        try:
            url = f"postgresql+psycopg://maker:secret@127.0.0.1:{server.port}/{name}"
            with closing(SQLStore(url)) as store:
                store.put_run(make_run())
                assert list(store.verify()) == []
            roles = [role_name(name, role) for role in ROLES]
            found = connection.execute("SELECT count(*) FROM pg_roles WHERE rolname = ANY(%s)", (roles,)).fetchone()
            assert found == (0,)
            # An administrator makes them later, by the statements that are printed.
            for statement in grants(name):
                connection.execute(statement)
        finally:
            connection.execute(f"ALTER DATABASE {name} OWNER TO genwright; REASSIGN OWNED BY maker TO genwright")
            connection.execute("DROP OWNED BY maker; DROP ROLE maker")
