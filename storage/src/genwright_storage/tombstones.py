"""What remains of what was erased: a tombstone, which the ledger commits to, over a row without its content."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import groupby
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection, Select, and_, select

from genwright.errors import Erased
from genwright.store import Finding
from genwright_storage import encoding, queries
from genwright_storage.tables import actor, erasure_due, sample, tombstone

__all__ = [
    "BLANKS",
    "content",
    "erased",
    "erasures",
    "findings",
    "is_blank",
    "is_due",
    "is_of",
    "living",
    "of_samples",
    "remains",
    "standing",
    "with_tombstone",
]

BLANKS: Mapping[str, Mapping[str, Any]] = {
    "sample": {
        "seed": 0,
        "media_type": "",
        "digest": bytes(32),
        "payload": None,
        "flaw": None,
        "canonical": None,
        "identity": None,
        "reviews": None,
        "parameters": "",
        "prompt": "",
        "salt": None,
    },
    "run": {"domain": "", "config": "{}", "seed": 0, "salt": b""},
    "end": {"error": None, "notes": "[]", "salt": b""},
    "score": {"idx": None, "metric": "", "value": None, "error": None, "detail": ""},
    "review": {"meaning": "", "reason": "", "signature": b""},
}
"""The columns that an erasure clears, by the kind of row, and what they have then."""

# What stays of a row is bound to what the ledger committed to before, which nobody can compute from it any more.
_REMAINS: Mapping[str, tuple[str, ...]] = {
    "run": ("uid", "kind", "environment", "actor", "model", "checkpoint", "parent", "planned", "started_ns"),
    "end": ("uid", "state", "finished_ns"),
    "review": ("uid", "idx", "actor", "accepted", "verifier", "created_ns"),
}


def is_blank(kind: str, row: Mapping[str, Any]) -> bool:
    """Whether nothing is in a row that an erasure clears."""
    return all(row[name] == value for name, value in BLANKS[kind].items())


def remains(kind: str, row: Mapping[str, Any], committed: bytes) -> bytes:
    """Return the digest of what an erasure leaves of a run, an end or a review.

    row:       the columns, with `uid` of the run and `actor`, the name of who acted
    committed: what its entry in the ledger commits to
    """
    return encoding.digest("genwright/remains/v1", kind, committed, *(row[name] for name in _REMAINS[kind]))


def content(stones: Iterable[Mapping[str, Any]]) -> bytes:
    """Return what the ledger commits to for an erasure: its tombstones, by kind and target.

    Each has `actor`, the name of who erased it, beside its columns.
    """
    said = ("kind", "ref", "leaf", "reason", "legal_basis", "actor", "created_ns")
    digests = [encoding.digest("genwright/tombstone/v1", *(stone[name] for name in said)) for stone in stones]
    return encoding.digest("genwright/erasure/v1", *digests)


def with_tombstone(query: Select[Any], kind: str, key: Any) -> Select[Any]:
    """Add `stone`, the leaf in the tombstone of a row, to a query."""
    stone = tombstone.alias()
    on = and_(stone.c.kind == kind, stone.c.target == key)
    return query.add_columns(stone.c.leaf.label("stone")).outerjoin(stone, on)


def standing(kind: str, row: Any, digest: Callable[[Mapping[str, Any]], bytes]) -> bytes:
    """Return what the ledger should commit to for a row; nothing if it was erased and does not fit its tombstone.

    row: with `stone` and `entry_digest`
    """
    found = row._asdict()
    if row.stone is None:
        return digest(found)
    committed = row.entry_digest or b""
    is_whole = is_blank(kind, found) and remains(kind, found, committed) == row.stone
    return committed if is_whole else b""


def erased(connection: Connection, kind: str, target: Any, what: str) -> Erased | None:
    """Return the error that says when, by whom and why something was erased, or None if it was not.

    target: the key of its row, or a query for it
    """
    query = select(tombstone, actor.c.subject.label("actor")).outerjoin(actor, actor.c.id == tombstone.c.actor_id)
    row = connection.execute(query.where(tombstone.c.kind == kind, tombstone.c.target == target)).first()
    if row is None:
        return None
    date = datetime.fromtimestamp(row.created_ns / 1e9, UTC).strftime("%Y-%m-%d")
    return Erased(
        f"{what} was asked for; it was erased on {date} by {row.actor}: {row.reason}. "
        f"Its hash in the ledger is all that remains of it; draw into a new run."
    )


def living(
    connection: Connection, id: str, query: Select[Any] | None = None, *, what: str = "sample"
) -> tuple[Any, Any]:
    """Return the rows of a run and a sample, as `queries.sample_at` does. Raises Erased for one that was erased.

    what: the words before its id where the error says what was asked for
    """
    found, row = queries.sample_at(connection, id, query)
    if gone := erased(connection, "sample", row.id, f"{what} {found.uid}/{row.idx}"):
        raise gone
    return found, row


def is_due(connection: Connection) -> bool:
    """Whether an erasure has still something to do."""
    return connection.execute(select(erasure_due.c.id).limit(1)).first() is not None


def of_samples(connection: Connection, first: int, last: int) -> dict[int, Any]:
    """Return the tombstones of samples whose keys are in a range, by key."""
    stones = select(tombstone).where(tombstone.c.kind == "sample", tombstone.c.target.between(first, last))
    return {row.target: row for row in connection.execute(stones)}


def is_of(stone: Any | None, ref: str, leaf: bytes, seq: int) -> bool:
    """Whether a tombstone is that of a sample with this id and leaf, which was erased by this entry of the ledger.

    seq: below 0 where the entry was made later than the tombstone
    """
    return stone is not None and (stone.ref, stone.leaf) == (ref, leaf) and (seq < 0 or stone.seq == seq)


def erasures(connection: Connection) -> Iterator[tuple[str, bytes, Any]]:
    """Yield each erasure with what the ledger should commit to for it."""
    query = select(tombstone, actor.c.subject.label("actor")).outerjoin(actor, actor.c.id == tombstone.c.actor_id)
    query = queries.with_entry(query, tombstone.c.seq).order_by(tombstone.c.kind, tombstone.c.target)
    for _, group in groupby(connection.execute(query), attrgetter("seq")):
        found = list(group)
        yield f"tombstone of {found[0].kind} {found[0].ref}", content(row._asdict() for row in found), found[0]


def findings(connection: Connection) -> Iterator[Finding]:
    """Yield tombstones over samples that are not marked as erased."""
    query = select(tombstone.c.ref).join(sample, sample.c.id == tombstone.c.target)
    wrong = query.where(tombstone.c.kind == "sample", sample.c.erased_seq.is_(None))
    for ref in connection.execute(wrong.order_by(tombstone.c.target)).scalars():
        yield Finding(where=f"sample {ref}", trouble="it has a tombstone, and is there as if it had none")
