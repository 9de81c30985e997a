from __future__ import annotations

import psycopg
import pytest

from genwright_storage.tables import ERASABLE, EVIDENCE, metadata
from tests.storage.server import Server

_ZERO = {"BIGINT": "1", "TEXT": "repeat('5f', 16)", "BYTEA": "sha256('x')", "DOUBLE PRECISION": "1.0"}
_SPECIAL = {("tombstone", "kind"): "'sample'", ("note", "size"): "9"}


def _put(connection: psycopg.Connection, table: str, **changes: str) -> None:
    """Insert a row of something, past the checks of what it refers to."""
    dialect = metadata.tables[table]
    values = {c.name: _SPECIAL.get((table, c.name)) or _ZERO[_kind(c)] for c in dialect.columns} | changes
    connection.execute(f"INSERT INTO {table} ({', '.join(values)}) VALUES ({', '.join(values.values())})")


def _kind(column: object) -> str:
    from sqlalchemy.dialects import postgresql

    return str(column.type.compile(dialect=postgresql.dialect())).partition(" COLLATE")[0]  # type: ignore[attr-defined]


@pytest.mark.parametrize("table", sorted({*EVIDENCE, *ERASABLE, "outbox"}))
def test_evidence_is_neither_changed_nor_deleted_by_its_owner(
    table: str, team_url: str, behind: psycopg.Connection, server: Server, team: str
) -> None:
    _put(behind, table)
    column = metadata.tables[table].columns[0].name
    changes = [f"UPDATE {table} SET {column} = {column}", f"TRUNCATE {table} CASCADE"]
    changes += [f"DELETE FROM {table}"] if table != "outbox" else []
    with server.connect(team) as owner:
        for change in changes:
            with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="evidence is not changed: "):
                owner.execute(change)


def test_no_partition_is_emptied(team_url: str, server: Server, team: str) -> None:
    with server.connect(team) as owner:
        for name in ("sample_rest", "sample_until_4097"):
            with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match=f"evidence is not changed: {name}"):
                owner.execute(f"TRUNCATE {name}")


def test_the_edge_of_the_ledger_is_moved_and_never_removed(team_url: str, server: Server, team: str) -> None:
    with server.connect(team) as owner:
        for change in ("DELETE FROM log_frontier", "TRUNCATE log_frontier"):
            with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="evidence is not changed"):
                owner.execute(change)


@pytest.mark.parametrize("table", ["batch", "run", "score"])
def test_a_row_gets_the_number_of_its_entry_once(
    table: str, team_url: str, behind: psycopg.Connection, server: Server, team: str
) -> None:
    _put(behind, table, seq="-7")
    refused = pytest.raises(psycopg.errors.IntegrityConstraintViolation, match=f"evidence is not changed: {table}")
    with server.connect(team) as owner:
        with refused:
            owner.execute(
                f"UPDATE {table} SET seq = 3, run_id = 5" if table != "run" else "UPDATE run SET seq = 3, seed = 5"
            )
        with refused:
            owner.execute(f"UPDATE {table} SET seq = -8")
        owner.execute(f"UPDATE {table} SET seq = 3")
        with refused:
            owner.execute(f"UPDATE {table} SET seq = 4")


def test_what_has_a_tombstone_is_erased_and_nothing_else(
    team_url: str, behind: psycopg.Connection, server: Server, team: str
) -> None:
    refused = pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="evidence is not changed: sample")
    for id in ("1", "2"):
        _put(behind, "sample", id=id, idx=id)
    _put(behind, "tombstone", kind="'sample'", target="2")
    with server.connect(team) as owner:
        for change in ("payload = NULL WHERE id = 1", "leaf = sha256('y') WHERE id = 2", "idx = 9 WHERE id = 2"):
            with refused:
                owner.execute(f"UPDATE sample SET {change}")
        owner.execute("UPDATE sample SET payload = NULL, salt = NULL, prompt = '' WHERE id = 2")
