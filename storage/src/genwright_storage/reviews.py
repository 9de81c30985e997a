"""Reviews: verdicts that people and reviewers of plugins leave on stored samples, each signed by who gave it.

A signature is over the sample's leaf, the verdict, its meaning and reason, the time, and the name of who gave it. Later
reviews supersede earlier ones, and both stay.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final
from urllib.parse import quote

from sqlalchemy import Connection, Select, and_, func, insert, select

from genwright.errors import KeyMissing, ProofError
from genwright.store import Finding, check_plain
from genwright_storage import encoding, queries, tombstones
from genwright_storage.actors import Actor, actor_key, current
from genwright_storage.keys import KeyRing
from genwright_storage.notes import SigningKey, VerifierKey
from genwright_storage.tables import actor, review, run, sample, signing_key
from genwright_storage.terms import given_reason

if TYPE_CHECKING:
    from genwright_storage.store import SQLStore

__all__ = [
    "MEANING",
    "Given",
    "content",
    "findings",
    "key_name",
    "message",
    "of",
    "put",
    "reviewer_key",
    "standing",
    "things",
]

MEANING = "review"
"""What a signature means where nothing else is said; others are "approval", "responsibility" or "authorship"."""


@final
@dataclass(frozen=True, kw_only=True)
class Given:
    """A review as it is stored.

    by:       the name of who gave it
    verifier: the public key that checks the signature
    given:    nanoseconds since 1970
    """

    sample: str
    by: str
    accepted: bool
    meaning: str
    reason: str
    verifier: str
    given: int


def put(
    store: SQLStore,
    verdicts: Mapping[str, tuple[bool, str]],
    *,
    meaning: str = MEANING,
    by: Actor | None = None,
) -> int:
    """Record verdicts on samples, all or none, and return how many there are.

    verdicts: by the id of the sample, whether it is accepted and why
    by:       a plugin, for which the key of the store signs; None for the current actor and that one's own key

    Raises UnknownName for a sample that is not there, Erased for one that was erased, Forbidden without the role of a
    reviewer.
    """
    check_plain("a review", meaning, *(reason for _, reason in verdicts.values()))
    meaning = given_reason(meaning)
    who, service = current() if by is None else by, None if by is None else _service_key(store)
    with store.database.writing("reviewer") as connection:
        key = reviewer_key(store.ledger.ring, who.subject) if service is None else service
        for id, (accepted, reason) in verdicts.items():
            values = {"accepted": int(accepted), "meaning": meaning, "reason": reason, "created_ns": time.time_ns()}
            _put(store, connection, id, who, key, values)
    return len(verdicts)


def of(store: SQLStore, id: str) -> list[Given]:
    """Return the reviews of a sample, the oldest first; the last one stands. Raises Erased if it was erased."""
    with store.database.reading() as connection:
        found, row = tombstones.living(connection, id)
        query = _ROWS.where(review.c.run_id == found.id, review.c.idx == row.idx)
        return [_given(row) for row in connection.execute(query.order_by(queries.rank(review.c.seq)))]


def standing(store: SQLStore, *, accepted: bool, run_id: str | None = None) -> Iterator[Given]:
    """Yield the reviews that stand and accept, or reject, oldest first: the last of each sample that was not erased."""
    later, last = review.alias(), 0
    is_last = (
        ~select(later.c.id)
        .where(
            later.c.run_id == review.c.run_id,
            later.c.idx == review.c.idx,
            queries.rank(later.c.seq) > queries.rank(review.c.seq),
        )
        .exists()
    )
    query = _ROWS.where(is_last, review.c.accepted == int(accepted), sample.c.erased_seq.is_(None))
    if run_id is not None:
        query = query.where(run.c.uid == store.run(run_id).id)
    while True:
        with store.database.reading() as connection:
            page = connection.execute(query.where(review.c.id > last).order_by(review.c.id).limit(queries.PAGE)).all()
        yield from map(_given, page)
        if len(page) < queries.PAGE:
            return
        last = page[-1].id


def key_name(subject: str) -> str:
    """Return the name of somebody's key, in which what no name of a key may have is written otherwise."""
    return f"reviewer/{quote(subject, safe='@')}"


def reviewer_key(ring: KeyRing, subject: str) -> SigningKey:
    """Return somebody's own key, which is made at the first time."""
    name = key_name(subject)
    return ring.signing(name) or ring.create(name)


def things(connection: Connection) -> Iterator[tuple[str, bytes, Any]]:
    """Yield each review with what the ledger should commit to for it."""
    query = tombstones.with_tombstone(_ROWS, "review", review.c.id)
    for row in connection.execute(queries.with_entry(query, review.c.seq)):
        yield _place(row), tombstones.standing("review", row, content), row


def findings(connection: Connection, ring: KeyRing) -> Iterator[Finding]:
    """Yield reviews whose signatures do not hold, or are by a key that is not that of who gave them."""
    services = set(connection.execute(select(signing_key.c.verifier)).scalars())
    yield from _of_several_keys(connection, ring)
    query = tombstones.with_tombstone(_ROWS, "review", review.c.id).order_by(review.c.id)
    for row in connection.execute(query):
        if row.stone is None and (trouble := _trouble(row, ring, services)):
            yield Finding(where=_place(row), trouble=trouble)


def _of_several_keys(connection: Connection, ring: KeyRing) -> Iterator[Finding]:
    """Yield the people in whose names several keys signed, where none of these is known."""
    people = select(actor.c.subject, func.count(review.c.verifier.distinct()))
    people = people.join(actor, actor.c.id == review.c.actor_id).where(actor.c.kind != "plugin")
    for name, count in connection.execute(people.group_by(actor.c.subject)):
        if count > 1 and not ring.trusted(key_name(name)):
            trouble = f"they are signed by {count} keys, of which none is known here: whose they are, {name} can say"
            yield Finding(where=f"reviews by {name}", trouble=trouble)


def message(row: Mapping[str, Any]) -> bytes:
    """Return what is signed: the columns of a review, `leaf` of the sample and `actor`, the name of who gives it."""
    said = ("leaf", "actor", "accepted", "meaning", "reason", "created_ns")
    return encoding.encode("genwright/review/v1", *(row[name] for name in said))


def content(row: Mapping[str, Any]) -> bytes:
    """Return what the ledger commits to for a review: what is signed, and the signature."""
    return encoding.digest("genwright/reviewed/v1", message(row), row["verifier"], row["signature"])


_ROWS: Select[Any] = (
    select(review, run.c.uid, sample.c.leaf, actor.c.subject.label("actor"), actor.c.kind.label("actor_kind"))
    .outerjoin(run, run.c.id == review.c.run_id)
    .outerjoin(sample, and_(sample.c.run_id == review.c.run_id, sample.c.idx == review.c.idx))
    .outerjoin(actor, actor.c.id == review.c.actor_id)
)


def _service_key(store: SQLStore) -> SigningKey:
    if store.signer is None:
        raise KeyMissing(
            f"a plugin's reviews are signed by the key of {store.url}; it is not on this machine. Copy its file from "
            f"where the store was made, or let a new one sign: genwright store rotate-key."
        )
    return store.signer


def _put(store: SQLStore, connection: Connection, id: str, who: Actor, key: SigningKey, values: dict[str, Any]) -> None:
    found, row = tombstones.living(connection, id)
    uid = f"{found.uid}/{row.idx}"
    said = values | {"leaf": row.leaf, "actor": who.subject}
    values |= {"verifier": str(key.verifier), "signature": key.sign(message(said))}
    seq = store.ledger.append(connection, "review", uid, content(said | values))
    values |= {"run_id": found.id, "idx": row.idx, "actor_id": actor_key(connection, who), "seq": seq}
    connection.execute(insert(review), values)


def _trouble(row: Any, ring: KeyRing, services: set[str]) -> str | None:
    """Return what is wrong with the signature under a review, or None."""
    try:
        key = VerifierKey.parse(row.verifier)
    except ProofError:
        return "its key is none"
    if row.actor is None or not key.verify(message(row._asdict()), row.signature):
        return "its signature does not hold"
    if row.actor_kind == "plugin":
        return None if row.verifier in services else "it is not signed by a key of the store"
    trusted = ring.trusted(key_name(row.actor))
    if key.name != key_name(row.actor) or (trusted and key not in trusted):
        return f"it is signed by {row.verifier}, which is not a key of {row.actor} that is trusted here"
    return None


def _given(row: Any) -> Given:
    return Given(
        sample=f"{row.uid}/{row.idx}",
        by=row.actor,
        accepted=bool(row.accepted),
        meaning=row.meaning,
        reason=row.reason,
        verifier=row.verifier,
        given=row.created_ns,
    )


def _place(row: Any) -> str:
    return f"review of sample {row.uid}/{row.idx} by {row.actor}"
