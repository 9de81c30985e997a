from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

import psycopg
import pytest

from genwright.errors import Forbidden, StoreReadOnly
from genwright.testing.stores import make_checkpoint, make_record, make_run
from genwright_storage.grants import ROLES, grants, role_name
from genwright_storage.postgresql import PostgreSQLDatabase
from genwright_storage.store import SQLStore
from genwright_storage.tables import ERASABLE, EVIDENCE, metadata
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
