"""Retention rules: samples are erased when their run is older than a rule says, unless a legal hold covers them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

from sqlalchemy import Connection, Select, select

from genwright.errors import UsageError
from genwright_storage import erasure, holds, scopes
from genwright_storage.tables import retention, run, sample
from genwright_storage.terms import Term, given_reason

if TYPE_CHECKING:
    from genwright_storage.store import SQLStore

__all__ = ["DAY", "RULES", "SHORT", "Applied", "Swept", "apply", "end", "listed", "retain"]

RULES = Term(table=retention, placed="retention", ended="retention-end", fields=("scope", "keep_ns", "reason"))

DAY = 24 * 60 * 60 * 1_000_000_000

SHORT = 183
"""Days: the AI Act of the EU has logs of high-risk systems kept for six months at least, in Articles 19 and 26(6)."""

_MOST_DAYS = 100_000


@final
@dataclass(frozen=True, kw_only=True)
class Applied:
    """What applying a rule did, or would do.

    held:    how many samples are due and were passed over, by the number of the hold that covers them
    """

    rule: int
    scope: str
    samples: int
    held: dict[int, int]


@final
@dataclass(frozen=True, kw_only=True)
class Swept:
    """What applying all rules did, or would do.

    is_complete, copies: as of an erasure
    """

    rules: tuple[Applied, ...]
    is_complete: bool
    copies: tuple[Path, ...]


def retain(store: SQLStore, scope: str, *, days: int, reason: str) -> int:
    """Have the samples that a scope covers kept for some days from the start of their run; return the rule's number."""
    reason = given_reason(reason)
    if not 0 <= days <= _MOST_DAYS:
        raise UsageError(f"a retention rule keeps samples for 0 to {_MOST_DAYS:,} days; got {days}. Choose a number.")
    with store.database.writing("admin") as connection:
        values = {"scope": scopes.parsed(connection, scope), "keep_ns": days * DAY, "reason": reason}
        return RULES.place(connection, store.ledger, values)


def end(store: SQLStore, id: int, *, reason: str) -> None:
    """Have a rule apply no more. Raises UnknownName if there is none, UsageError if it ended before."""
    reason = given_reason(reason)
    with store.database.writing("admin") as connection:
        RULES.end(connection, store.ledger, id, reason)


def listed(store: SQLStore) -> Sequence[Any]:
    """Return all rules, also those that ended, in the order in which they were made."""
    with store.database.reading() as connection:
        return RULES.rows(connection)


def apply(store: SQLStore, *, is_dry: bool = False) -> Swept:
    """Erase, for each rule, the samples that are due and that no hold covers, page by page; return what was done.

    is_dry: nothing is erased; the same numbers say what would be
    """
    store.database.require("viewer" if is_dry else "admin")
    with store.database.reading() as connection:
        rules = RULES.rows(connection, active=True)
    applied = tuple(_applied(store, rule, is_dry) for rule in rules)
    if is_dry:
        return Swept(rules=applied, is_complete=True, copies=())
    return Swept(rules=applied, is_complete=erasure.complete(store), copies=tuple(store.database.copies()))


def _applied(store: SQLStore, rule: Any, is_dry: bool) -> Applied:
    before, last, erased = time.time_ns() - rule.keep_ns, 0, 0
    held: dict[int, int] = {}
    while True:
        with store.database.reading() if is_dry else store.database.erasing() as connection:
            page = connection.execute(_due(rule.scope, before, last)).all()
            eraser = None if is_dry else _eraser(connection, store, rule)
            active = holds.active(connection) if eraser is None else eraser.holds
            free = []
            for row in page:
                hold = holds.covering(active, uid=row.uid, domain=row.domain, index=row.idx)
                if hold is None:
                    free.append(row)
                else:
                    held[hold.id] = held.get(hold.id, 0) + 1
            if eraser is not None:
                _erase(eraser, free)
            erased += len(free)
        if len(page) < erasure.AT_ONCE:
            return Applied(rule=rule.id, scope=rule.scope, samples=erased, held=held)
        last = page[-1].id


def _eraser(connection: Connection, store: SQLStore, rule: Any) -> erasure.Eraser:
    return erasure.Eraser(connection, store.ledger, reason=f"retention rule {rule.id}: {rule.reason}")


def _erase(eraser: erasure.Eraser, due: Sequence[Any]) -> None:
    """Erase a page of samples, run by run: those of several runs may lie between one another."""
    runs: dict[int, list[Any]] = {}
    for row in due:
        runs.setdefault(row.run_id, []).append(row)
    for found in runs.values():
        eraser.erase_page(_Owner(id=found[0].run_id, uid=found[0].uid), found)


@final
@dataclass(frozen=True, kw_only=True)
class _Owner:
    """The run of some samples, as an eraser needs it."""

    id: int
    uid: str


def _due(scope: str, before: int, last: int) -> Select[Any]:
    """Return a page of the samples whose run began before some time and that were not erased."""
    columns = (sample.c.id, sample.c.run_id, sample.c.idx, sample.c.leaf, sample.c.digest, run.c.uid, run.c.domain)
    due = select(*columns, sample.c.payload.is_(None).label("is_out")).join(run, run.c.id == sample.c.run_id)
    due = due.where(scopes.condition(scope), run.c.started_ns < before, sample.c.erased_seq.is_(None))
    return due.where(sample.c.id > last).order_by(sample.c.id).limit(erasure.AT_ONCE)
