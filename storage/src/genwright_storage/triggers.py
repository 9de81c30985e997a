"""Triggers that keep evidence in PostgreSQL as it was put, also from the owner of its tables.

They are a guard against mistakes; roles without the right to change evidence are another, and the ledger shows what
got past both. Two changes pass: a row gets the number of its entry when that is made, and what a tombstone stands for
is erased.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from genwright_storage.tables import ERASABLE, EVIDENCE, TARGETS, metadata

__all__ = ["triggers", "truncation_trigger"]

# In no other than these schemas, so that nobody can put another table or operator in the place of one that is meant.
_PINNED = "LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp"
_REFUSAL = (
    "RAISE EXCEPTION 'evidence is not changed: %', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation'"
)


def triggers() -> Iterator[str]:
    """Yield the statements that make the functions and triggers of all tables."""
    yield f"CREATE FUNCTION genwright_refuse() RETURNS trigger {_PINNED} AS $$ BEGIN {_REFUSAL}; END $$"
    evidence = sorted({*EVIDENCE, *ERASABLE})
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
    """Yield the conditions under which a row of a table may change."""
    columns = [column.name for column in metadata.tables[table].columns]
    if "seq" in columns and table != "log_entry":
        yield f"OLD.seq < 0 AND NEW.seq >= 0 AND {_same(name for name in columns if name != 'seq')}"
    if table in ERASABLE:
        kind, column = TARGETS[table]
        there = f"EXISTS (SELECT FROM tombstone WHERE kind = '{kind}' AND target = OLD.{column})"
        yield f"{there} AND {_same(ERASABLE[table])}"


def _same(columns: Iterable[str]) -> str:
    return " AND ".join(f"NEW.{name} IS NOT DISTINCT FROM OLD.{name}" for name in columns)
