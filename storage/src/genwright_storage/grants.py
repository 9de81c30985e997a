"""The roles of a store in PostgreSQL: groups of the server, each with the rights that its members need and no others.

None of them may change or delete evidence, the sequencer apart from the number of an entry. What an admin erases is
checked by the triggers of `triggers`. The owner of the tables has all rights, and is for installing and migrating.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection

from genwright_storage.kinds import ENDS, ERASABLE, LOGGED, TERMS
from genwright_storage.tables import metadata

__all__ = ["INDEX", "ROLES", "grants", "make_roles", "role_name"]

_RUNS = ("batch", "environment", "run", "run_end", "sample", "score")
_INSERT = {
    "viewer": (),
    "generator": ("actor", *_RUNS, "checkpoint", "checkpoint_file", "outbox"),
    "reviewer": ("actor", "outbox", "review"),
    # An audit that draws samples again records it as a run.
    "auditor": ("actor", *_RUNS, "outbox"),
    "admin": ("actor", "erasure_due", "outbox", "signing_key", "tombstone", *TERMS),
    "sequencer": ("log_entry", "log_tile", "note"),
}
ROLES = tuple(_INSERT)

INDEX = ("fingerprint", "run_condition", "search_state", "text_index")
"""Tables of what is made from evidence and can be made again, by whoever searches and may write anything."""

_INDEXING = ("generator", "reviewer", "auditor", "admin", "sequencer")

_LONGEST = 63 - len("_generator")


def role_name(database: str, role: str) -> str:
    """Return the name of a role of the store in a database: roles are shared by all databases of a server."""
    return f"{database}_{role}"


def grants(database: str, *, existing: frozenset[str] = frozenset()) -> Iterator[str]:
    """Yield the statements that make the roles, and give them their rights.

    existing: roles that are there already
    """
    # Before PostgreSQL 15 everybody may make tables there, and with them get into the way of ours.
    yield "REVOKE CREATE ON SCHEMA public FROM PUBLIC"
    for role in ROLES:
        name = role_name(database, role)
        if name not in existing:
            yield f"CREATE ROLE {_quoted(name)} NOLOGIN"
        yield f"GRANT CONNECT ON DATABASE {_quoted(database)} TO {_quoted(name)}"
        yield f"GRANT USAGE ON SCHEMA public TO {_quoted(name)}"
        yield f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {_quoted(name)}"
        if tables := _INSERT[role]:
            yield f"GRANT INSERT ON {', '.join(tables)} TO {_quoted(name)}"
    yield from _changes(database)


def make_roles(connection: Connection) -> bool:
    """Make the roles of the store where this user may make roles, and return whether that is so."""
    name, may = connection.exec_driver_sql(
        "SELECT current_database(), rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user"
    ).one()
    if not may or len(name.encode()) > _LONGEST:
        return False
    raw: Any = connection.connection.driver_connection
    existing = connection.exec_driver_sql("SELECT rolname FROM pg_roles").scalars().all()
    for statement in grants(name, existing=frozenset(existing)):
        raw.execute(statement)
    return True


def _changes(database: str) -> Iterator[str]:
    """Yield the statements that give the rights to change what is no evidence, to number and to erase."""
    admin, sequencer = (_quoted(role_name(database, role)) for role in ("admin", "sequencer"))
    yield f"GRANT DELETE ON erasure_due TO {admin}"
    for table in TERMS:
        yield f"GRANT UPDATE ({', '.join(ENDS)}) ON {table} TO {admin}"
    for role in _INDEXING:
        yield f"GRANT INSERT, UPDATE, DELETE ON {', '.join(INDEX)} TO {_quoted(role_name(database, role))}"
    for table, kept in ERASABLE.items():
        erased = [column.name for column in metadata.tables[table].columns if column.name not in kept]
        yield f"GRANT UPDATE ({', '.join(erased)}) ON {table} TO {admin}"
    yield f"GRANT UPDATE ON log_frontier TO {sequencer}"
    yield f"GRANT DELETE ON outbox TO {sequencer}"
    for column in dict.fromkeys(LOGGED.values()):
        yield f"GRANT UPDATE ({column.name}) ON {column.table.name} TO {sequencer}"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
