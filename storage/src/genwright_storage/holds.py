"""Legal holds: as long as one covers a sample, neither an erasure nor a retention rule removes it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from genwright.errors import Forbidden
from genwright_storage import scopes, tables
from genwright_storage.terms import Term, given_reason

if TYPE_CHECKING:
    from genwright_storage.store import SQLStore

__all__ = ["HOLDS", "active", "check", "covering", "listed", "place", "release"]

HOLDS = Term(table=tables.hold, placed="hold", ended="release", fields=("scope", "reason"))


def place(store: SQLStore, scope: str, *, reason: str) -> int:
    """Put a hold on what a scope covers, now and in future, and return its number."""
    reason = given_reason(reason)
    with store.database.writing("auditor") as connection:
        values = {"scope": scopes.parsed(connection, scope), "reason": reason}
        return HOLDS.place(connection, store.ledger, values)


def release(store: SQLStore, id: int, *, reason: str) -> None:
    """Let go of a hold. Raises UnknownName if there is none of this number, UsageError if it was released before."""
    reason = given_reason(reason)
    with store.database.writing("auditor") as connection:
        HOLDS.end(connection, store.ledger, id, reason)


def listed(store: SQLStore) -> Sequence[Any]:
    """Return all holds, also those that were released, in the order in which they were placed."""
    with store.database.reading() as connection:
        return HOLDS.rows(connection)


def active(connection: Connection) -> Sequence[Any]:
    """Return the holds that were not released."""
    return HOLDS.rows(connection, active=True)


def covering(holds: Iterable[Any], *, uid: str, domain: str, index: int | None) -> Any | None:
    """Return the first of some holds that covers a sample; without an index, one that covers anything of the run."""
    return next((one for one in holds if scopes.over(one.scope, uid=uid, domain=domain, index=index)), None)


def check(holds: Iterable[Any], *, uid: str, domain: str, index: int | None) -> None:
    """Raise Forbidden if one of some holds covers a sample or anything of a run."""
    found = covering(holds, uid=uid, domain=domain, index=index)
    if found is not None:
        what = f"run {uid}" if index is None else f"sample {uid}/{index}"
        raise Forbidden(
            f"{what} was to be erased; hold {found.id} on {found.scope} forbids it: {found.reason}. "
            f"Whoever placed it, {found.placer}, may release it: genwright audit release {found.id}."
        )
