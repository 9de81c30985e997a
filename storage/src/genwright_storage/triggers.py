"""Triggers that keep evidence as it was put, also from the owner of its tables.

They are a guard against mistakes; in PostgreSQL, roles without the right to change evidence are another, and the ledger
shows what got past them. Three changes pass: a row gets the number of its entry when that is made, which is later in
PostgreSQL; what a tombstone stands for is erased; and what holds for a time is ended once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from genwright_storage.kinds import ENDS, ERASABLE, EVIDENCE, TARGETS, TERMS
from genwright_storage.tables import metadata

__all__ = ["sqlite_triggers", "triggers", "truncation_trigger"]

# In no other than these schemas, so that nobody can put another table or operator in the place of one that is meant.
_PINNED = "LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp"
_REFUSAL = (
    "RAISE EXCEPTION 'evidence is not changed: %', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation'"
)


def sqlite_triggers() -> Iterator[str]:
    """Yield the statements that make the triggers of all tables in SQLite."""
    for table in EVIDENCE:
        yield _sqlite_trigger(table, "UPDATE")
        yield _sqlite_trigger(table, "DELETE")
    yield _sqlite_trigger("log_frontier", "DELETE")
    for table in (*ERASABLE, *TERMS):
        yield _sqlite_trigger(table, "DELETE")
        (allowed,) = _changes(table, "IS")
        yield _sqlite_trigger(table, "UPDATE", f" WHEN NOT ({allowed})")


def _sqlite_trigger(table: str, verb: str, when: str = "") -> str:
    return (
        f"CREATE TRIGGER {table}_{verb.lower()} BEFORE {verb} ON {table}{when} "
        f"BEGIN SELECT RAISE(ABORT, 'evidence is not changed: {table}'); END"
    )


def triggers() -> Iterator[str]:
    """Yield the statements that make the functions and triggers of all tables in PostgreSQL."""
    yield f"CREATE FUNCTION genwright_refuse() RETURNS trigger {_PINNED} AS $$ BEGIN {_REFUSAL}; END $$"
    evidence = sorted({*EVIDENCE, *ERASABLE, *TERMS})
    for table in evidence:
        allowed = " OR ".join(f"({condition})" for condition in _allowed(table))
        if allowed:
            body = f"BEGIN IF {allowed} THEN RETURN NEW; END IF; {_REFUSAL}; END"
            yield f"CREATE FUNCTION genwright_change_{table}() RETURNS trigger {_PINNED} AS $$ {body} $$"
        yield _trigger(table, "UPDATE", f"genwright_change_{table}" if allowed else "genwright_refuse")
        yield _trigger(table, "DELETE", "genwright_refuse")
        yield truncation_trigger(table)
    # The sequencer moves the edge of the ledger, and takes rows from the outbox.
    yield _trigger("log_frontier", "DELETE", "genwright_refuse")
    yield truncation_trigger("log_frontier")
    yield _trigger("outbox", "UPDATE", "genwright_refuse")
    yield truncation_trigger("outbox")


def truncation_trigger(table: str) -> str:
    """Return the statement that makes the trigger against emptying a table; a partition does not inherit it."""
    return f"CREATE TRIGGER {table}_truncate BEFORE TRUNCATE ON {table} EXECUTE FUNCTION genwright_refuse()"


def _trigger(table: str, verb: str, function: str) -> str:
    name = f"{table}_{verb.lower()}"
    return f"CREATE TRIGGER {name} BEFORE {verb} ON {table} FOR EACH ROW EXECUTE FUNCTION {function}()"


def _allowed(table: str) -> Iterator[str]:
    """Yield the conditions under which a row of a table in PostgreSQL may change."""
    columns = [column.name for column in metadata.tables[table].columns]
    for number in ("seq", "ended_seq") if table != "log_entry" else ():
        if number in columns:
            same = _same((name for name in columns if name != number), "IS NOT DISTINCT FROM")
            yield f"OLD.{number} < 0 AND NEW.{number} >= 0 AND {same}"
    yield from _changes(table, "IS NOT DISTINCT FROM")


def _changes(table: str, equals: str) -> Iterator[str]:
    """Yield the conditions under which what a row of a table says may change."""
    if table in ERASABLE:
        there = f"EXISTS (SELECT 1 FROM tombstone WHERE kind = '{TARGETS[table]}' AND target = OLD.id)"
        yield f"{there} AND {_same(ERASABLE[table], equals)}"
    if table in TERMS:
        kept = [column.name for column in metadata.tables[table].columns if column.name not in ENDS]
        yield f"OLD.ended_ns IS NULL AND {_same(kept, equals)}"


def _same(columns: Iterable[str], equals: str) -> str:
    return " AND ".join(f"NEW.{name} {equals} OLD.{name}" for name in columns)
