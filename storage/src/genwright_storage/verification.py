"""Checks every row against the ledger, and the ledger against its root."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from itertools import groupby, islice
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection, Row, exists, func, or_, select

from genwright.errors import StoreError
from genwright.store import Finding, Progress
from genwright_storage import holds, ledger, merkle, queries, retention, reviews, roles, rows, shares, tombstones
from genwright_storage.database import Database
from genwright_storage.encoding import entry_leaf
from genwright_storage.heads import Claims, Trust
from genwright_storage.inline import Payloads
from genwright_storage.kinds import LOGGED
from genwright_storage.samples import CHANGED, UNKNOWN
from genwright_storage.signing import key_content
from genwright_storage.tables import (
    actor,
    checkpoint,
    environment,
    log_entry,
    log_tile,
    outbox,
    run,
    run_end,
    score,
    signing_key,
)
from genwright_storage.witness import notes_in

__all__ = ["findings"]

_TERMS = (holds.HOLDS, retention.RULES, roles.GRANTS)

# Kinds of which one entry is of several rows, whose digests it holds all together.
_GROUPS = ("scores", "erasure")


def findings(
    database: Database,
    blobs: Payloads,
    progress: Progress,
    *,
    heads: Sequence[str] = (),
    keys: Sequence[str] = (),
) -> Iterator[Finding]:
    """Yield what is wrong in a store, as it is when this begins; what is written meanwhile is left for the next time.

    progress: called now and then with how many samples were checked so far
    heads:    signed heads of the ledger that were noted elsewhere, one or more in each text
    keys:     the public keys to trust; none for those in the ring
    """
    try:
        database.settle()
        with database.snapshot() as reading:
            with reading() as connection:
                yield from _log(connection, database, heads, keys)
                yield from _things(connection)
                yield from _gone(connection)
                yield from _strays(connection, has_outbox=database.has_outbox)
                yield from reviews.findings(connection, database.ledger.ring)
                yield from tombstones.findings(connection)
                yield from _due(connection)
                of_samples = shares.divided(database, blobs, connection)
            with closing(shares.findings(database, reading, blobs, of_samples, progress)) as found:
                yield from found
    except StoreError as error:
        yield Finding(where="the file of the store", trouble=f"it cannot be read to its end: {error}")


def _log(connection: Connection, database: Database, heads: Sequence[str], keys: Sequence[str]) -> Iterator[Finding]:
    """Check each entry, that none is missing, and the heads, root and tiles over them."""
    edge, due, end = merkle.Frontier(), 0, _end(connection)
    trust = Trust(connection, end.origin or "unnamed", database.ledger.ring, keys)
    claims = Claims(connection, end, trust, [note for text in heads for note in notes_in(text)])
    for entry in connection.execute(select(log_entry).order_by(log_entry.c.seq)):
        if entry.seq != due:
            yield Finding(where=f"ledger, entries {due} to {entry.seq - 1}", trouble="they are gone")
        if entry_leaf(entry.kind, entry.ref, entry.digest, entry.created_ns) != entry.leaf:
            yield Finding(where=f"ledger, entry {entry.seq}", trouble=CHANGED)
        edge.append(entry.leaf)
        due = entry.seq + 1
        yield from claims.reached(edge)
    yield from claims.finished(edge.size)
    known = database.ledger.ring.remembered(database.place)
    if None not in (known, end.origin) and known != end.origin and not keys:
        yield Finding(
            where="the ledger", trouble=f"it is {end.origin}; the one that was made or first used here is {known}"
        )
    yield from trust.findings()
    yield from _root(connection, edge)
    yield from _tiles(connection, edge.size)


def _end(connection: Connection) -> ledger.State:
    """Return where the ledger says that it ends; where that is damaged, nothing, as `_root` will say."""
    try:
        return ledger.state(connection)
    except StoreError:
        return ledger.State(edge=merkle.Frontier(), note=None)


def _root(connection: Connection, edge: merkle.Frontier) -> Iterator[Finding]:
    """Check that the root that is kept is that over the entries."""
    try:
        head = ledger.state(connection).edge
    except StoreError:
        yield Finding(where="ledger, the right edge of its tree", trouble="it is gone or was changed")
        return
    if (edge.size, edge.root) != (head.size, head.root):
        trouble = f"its root is not that of its entries: it is of {head.size} entries, {edge.size} are there"
        yield Finding(where="ledger", trouble=trouble)


def _tiles(connection: Connection, size: int) -> Iterator[Finding]:
    """Check that each full tile is there, and holds the hashes of what is below it."""
    with connection.execute(select(log_entry.c.leaf).order_by(log_entry.c.seq)) as leaves:
        yield from _levels(connection, size, leaves.scalars())


def _levels(connection: Connection, size: int, leaves: Iterator[bytes]) -> Iterator[Finding]:
    level, hashes = 0, leaves
    while size >= ledger.TILE:
        above: list[bytes] = []
        query = select(log_tile).where(log_tile.c.level == level).order_by(log_tile.c.idx)
        with connection.execute(query) as stored:
            yield from _level(level, stored, hashes, size // ledger.TILE, above)
        level, size, hashes = level + 1, size // ledger.TILE, iter(above)
    beyond = or_(log_tile.c.level >= level, log_tile.c.level < 0)
    for row in connection.execute(select(log_tile.c.level, log_tile.c.idx).where(beyond)):
        yield _stray_tile(row)


def _level(
    level: int, stored: Iterable[Row[Any]], hashes: Iterator[bytes], count: int, above: list[bytes]
) -> Iterator[Finding]:
    """Check the full tiles of a level, one after another, and add the hashes that they stand for to those above."""
    tiles = iter(stored)
    found = next(tiles, None)
    for index in range(count):
        while found is not None and found.idx < index:
            yield _stray_tile(found)
            found = next(tiles, None)
        tile = list(islice(hashes, ledger.TILE))
        above.append(merkle.root(tile))
        kept = found if found is not None and found.idx == index else None
        if kept is None or kept.hashes != b"".join(tile) or kept.root not in (above[-1], None):
            yield Finding(where=f"ledger, tile {index} of level {level}", trouble="it is gone or was changed")
        found = found if kept is None else next(tiles, None)
    while found is not None:
        yield _stray_tile(found)
        found = next(tiles, None)


def _stray_tile(tile: Any) -> Finding:
    return Finding(where=f"ledger, tile {tile.idx} of level {tile.level}", trouble="the ledger has no such tile")


def _things(connection: Connection) -> Iterator[Finding]:
    """Check all but the samples: each thing against the digest that its entry in the ledger commits to."""
    for row in connection.execute(select(environment)):
        if not _is_environment(row):
            yield Finding(where=f"environment {row.digest.hex()}", trouble=CHANGED)
    for kind, things in _THINGS.items():
        for where, digest, entry in things(connection):
            if entry.entry_kind != kind:
                yield Finding(where=where, trouble=UNKNOWN)
            elif entry.entry_digest != digest:
                yield Finding(where=where, trouble=CHANGED)


_Things = Iterator[tuple[str, bytes, Any]]


def _runs(connection: Connection) -> _Things:
    query = select(run, environment.c.digest.label("environment"), actor.c.subject.label("actor"))
    query = query.outerjoin_from(run, environment).outerjoin(actor, actor.c.id == run.c.actor_id)
    for row in connection.execute(queries.with_entry(tombstones.with_tombstone(query, "run", run.c.id), run.c.seq)):
        yield f"run {row.uid}", tombstones.standing("run", row, rows.run_digest), row


def _ends(connection: Connection) -> _Things:
    query = tombstones.with_tombstone(select(run_end, run.c.uid).outerjoin_from(run_end, run), "end", run_end.c.id)
    for row in connection.execute(queries.with_entry(query, run_end.c.seq)):
        digest = tombstones.standing("end", row, rows.end_digest) if row.uid else b""
        yield f"end of run {row.uid}", digest, row


def _checkpoints(connection: Connection) -> _Things:
    for row in connection.execute(queries.with_entry(select(checkpoint), checkpoint.c.seq)):
        stored = queries.checkpoint_of(connection, row)
        yield f"checkpoint {row.digest}", rows.checkpoint_digest(stored), row


def _scores(connection: Connection) -> _Things:
    query = select(score, run.c.uid).outerjoin_from(score, run, run.c.id == score.c.run_id)
    query = tombstones.with_tombstone(query, "score", score.c.id)
    query = queries.with_entry(query, score.c.seq).order_by(score.c.id)
    for (uid, _), group in groupby(connection.execute(query), attrgetter("uid", "seq")):
        found = list(group)
        digest = rows.scores_content(uid, map(_score, found)) if uid else b""
        yield f"scores of run {uid}", digest, found[0]


def _keys(connection: Connection) -> _Things:
    for row in connection.execute(queries.with_entry(select(signing_key), signing_key.c.seq)):
        yield f"key {row.verifier}", key_content(row.verifier, row.reason, row.proof), row


def _score(row: Any) -> bytes:
    """Return the digest of a score, which for an erased one is in its tombstone."""
    if row.stone is None:
        return rows.score_digest(rows.score_from(row))
    return bytes(row.stone) if tombstones.is_blank("score", row._asdict()) else b""


_THINGS: dict[str, Callable[[Connection], _Things]] = {
    "run": _runs,
    "end": _ends,
    "checkpoint": _checkpoints,
    "scores": _scores,
    "key": _keys,
    "review": reviews.things,
    "erasure": tombstones.erasures,
    **{term.placed: term.placings for term in _TERMS},
    **{term.ended: term.endings for term in _TERMS},
}


def _is_environment(row: Any) -> bool:
    if hashlib.sha256(row.body.encode()).digest() != row.digest:
        return False
    try:
        body = json.loads(row.body)
        return bool((row.python, row.platform, row.device) == (body["python"], body["platform"], body["device"]))
    except (ValueError, KeyError, TypeError):
        return False


def _gone(connection: Connection) -> Iterator[Finding]:
    """Check that what the ledger has an entry for is there."""
    for kind, seq in LOGGED.items():
        gone = select(log_entry).where(log_entry.c.kind == kind, ~exists().where(seq == log_entry.c.seq))
        for entry in connection.execute(gone.order_by(log_entry.c.seq)):
            where = f"{kind} {entry.ref}, entry {entry.seq} of the ledger"
            yield Finding(where=where, trouble="it is in the ledger, and gone from the store")
        waits = select(outbox).where(outbox.c.kind == kind, ~exists().where(seq == -outbox.c.id))
        for entry in connection.execute(waits.order_by(outbox.c.id)):
            where = f"{kind} {entry.ref}, which waits to enter the ledger"
            yield Finding(where=where, trouble="it is gone from the store")


def _strays(connection: Connection, *, has_outbox: bool) -> Iterator[Finding]:
    """Check that no row is there which nothing puts there, and that no two name one entry of the ledger."""
    for kind, seq in LOGGED.items():
        if kind in _GROUPS:
            continue
        twice = select(seq).where(seq.is_not(None)).group_by(seq).having(func.count() > 1)
        for number in connection.execute(twice.order_by(seq)).scalars():
            yield Finding(where=f"{kind}, entry {number} of the ledger", trouble="more than one row is of it")
    if not has_outbox and (count := connection.execute(select(func.count()).select_from(outbox)).scalar_one()):
        yield Finding(where="table outbox", trouble=f"nothing puts rows there, and {count} are there")


def _due(connection: Connection) -> Iterator[Finding]:
    """Check that no erasure was left half done."""
    if tombstones.is_due(connection):
        trouble = "traces of what was erased are in it: an erasure was cut off, which opening it for writing completes"
        yield Finding(where="the file of the store", trouble=trouble)
