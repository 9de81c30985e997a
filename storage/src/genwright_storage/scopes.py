"""Which samples a legal hold or a retention rule is for: "all", "domain:NAME", "run:ID" or "sample:ID"."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, false, true

from genwright.errors import UsageError, shown
from genwright.store import check_plain
from genwright_storage import queries
from genwright_storage.tables import run, sample

__all__ = ["condition", "over", "parsed"]


def parsed(connection: Connection, text: str) -> str:
    """Return a scope as it is stored, with ids in full.

    Raises UsageError for what is none, UnknownName for a run or sample that is not there.
    """
    check_plain("a scope", text)
    kind, _, name = text.partition(":")
    if text == "all" or (kind == "domain" and name):
        return text
    if kind == "run" and name:
        return f"run:{queries.run_row(connection, name).uid}"
    if kind == "sample" and name:
        found, row = queries.sample_at(connection, name)
        return f"sample:{found.uid}/{row.idx}"
    raise UsageError(f"a scope is all, domain:NAME, run:ID or sample:ID; got {shown(text)}. Example: run:LAST.")


def over(scope: str, *, uid: str, domain: str, index: int | None) -> bool:
    """Whether a scope covers a sample; without an index, anything of the run."""
    if scope in ("all", f"domain:{domain}", f"run:{uid}"):
        return True
    return scope.startswith(f"sample:{uid}/") if index is None else scope == f"sample:{uid}/{index}"


def condition(scope: str) -> ColumnElement[bool]:
    """Return the condition on runs and samples that holds for those that a scope covers."""
    kind, _, name = scope.partition(":")
    uid, _, index = name.partition("/")
    found: dict[str, Any] = {"all": true(), "domain": run.c.domain == name, "run": run.c.uid == name}
    if kind == "sample":
        return and_(run.c.uid == uid, sample.c.idx == int(index))
    condition: ColumnElement[bool] = found.get(kind, false())
    return condition
