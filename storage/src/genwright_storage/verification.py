"""Checks every row against the ledger, and the ledger against its root."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby, islice
from operator import attrgetter, itemgetter
from typing import Any, final

from sqlalchemy import Connection, Row, Select, bindparam, exists, func, select

from genwright.errors import StoreError
from genwright.store import Finding, Progress
from genwright_storage import holds, ledger, merkle, queries, retention, reviews, roles, rows, tombstones
from genwright_storage.database import Database, Reading
from genwright_storage.encoding import batch_digest, blind, commitment, entry_leaf, sample_leaf
from genwright_storage.functions import as_bytes
from genwright_storage.heads import Claims, Trust
from genwright_storage.inline import Payloads
from genwright_storage.kinds import LOGGED
from genwright_storage.signing import key_content
from genwright_storage.tables import (
    actor,
    batch,
    checkpoint,
    environment,
    log_entry,
    log_tile,
    note_witness,
    outbox,
    run,
    run_end,
    run_input,
    sample,
    sample_artifact,
    sample_parent,
    score,
    signing_key,
    work_item,
)
from genwright_storage.witness import notes_in

__all__ = ["findings"]

PAGE = 2000

# Text as bytes: it is hashed and never read, so it is not decoded.
_SAMPLES: Select[Any] = (
    select(
        *(sample.c.id, sample.c.batch_id, sample.c.run_id, sample.c.idx, sample.c.seed, as_bytes(sample.c.media_type)),
        *(sample.c.digest, sample.c.payload, as_bytes(sample.c.flaw), as_bytes(sample.c.canonical)),
        *(as_bytes(sample.c.identity), as_bytes(sample.c.reviews), as_bytes(sample.c.parameters)),
        *(as_bytes(sample.c.prompt), sample.c.salt, sample.c.leaf, sample.c.erased_seq),
    )
    .where(sample.c.id > bindparam("after"), sample.c.id <= bindparam("last"))
    .order_by(sample.c.id)
    .limit(PAGE)
)

_BATCHES: Select[Any] = (
    select(batch, run.c.uid, queries.DIGEST.label("digest"), queries.KIND.label("kind"))
    .outerjoin(run, run.c.id == batch.c.run_id)
    .outerjoin(log_entry, log_entry.c.seq == batch.c.seq)
    .outerjoin(outbox, outbox.c.id == -batch.c.seq)
    .order_by(batch.c.id)
)

_TERMS = (holds.HOLDS, retention.RULES, roles.GRANTS)

# Keys are from 1 on; a row that was put there by hand may have any.
_BEFORE_ALL = -(1 << 63)
_CHANGED = "it was changed after it was put"
# Kinds of which one entry is of several rows, whose digests it holds all together.
_GROUPS = ("scores", "erasure")
_UNUSED = (note_witness, run_input, sample_artifact, sample_parent, work_item)
_UNKNOWN = "it is not in the ledger"
_HALF_ERASED = "it is marked as erased, and has content or no tombstone of its own"
_BLANK = tuple(b"" if value == "" else value for value in tombstones.BLANKS["sample"].values())


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
                last_sample, last_batch = connection.execute(select(_last(sample), _last(batch))).one()
            yield from _Samples(database, reading, blobs, last_sample, last_batch).findings(progress)
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
            yield Finding(where=f"ledger, entry {entry.seq}", trouble=_CHANGED)
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
        query = select(log_tile).where(log_tile.c.level == level)
        stored = {row.idx: (row.hashes, row.root) for row in connection.execute(query)}
        above: list[bytes] = []
        for index in range(size // ledger.TILE):
            tile = list(islice(hashes, ledger.TILE))
            root = merkle.root(tile)
            kept, kept_root = stored.pop(index, (None, None))
            if kept != b"".join(tile) or kept_root not in (root, None):
                yield Finding(where=f"ledger, tile {index} of level {level}", trouble="it is gone or was changed")
            above.append(root)
        for index in stored:
            yield Finding(where=f"ledger, tile {index} of level {level}", trouble="the ledger has no such tile")
        level, size, hashes = level + 1, size // ledger.TILE, iter(above)
    for row in connection.execute(select(log_tile.c.level, log_tile.c.idx).where(log_tile.c.level >= level)):
        yield Finding(where=f"ledger, tile {row.idx} of level {row.level}", trouble="the ledger has no such tile")


def _things(connection: Connection) -> Iterator[Finding]:
    """Check all but the samples: each thing against the digest that its entry in the ledger commits to."""
    for row in connection.execute(select(environment)):
        if not _is_environment(row):
            yield Finding(where=f"environment {row.digest.hex()}", trouble=_CHANGED)
    for kind, things in _THINGS.items():
        for where, digest, entry in things(connection):
            if entry.entry_kind != kind:
                yield Finding(where=where, trouble=_UNKNOWN)
            elif entry.entry_digest != digest:
                yield Finding(where=where, trouble=_CHANGED)


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
    for table in (*_UNUSED, *(() if has_outbox else (outbox,))):
        if count := connection.execute(select(func.count()).select_from(table)).scalar_one():
            yield Finding(where=f"table {table.name}", trouble=f"nothing puts rows there, and {count} are there")


def _due(connection: Connection) -> Iterator[Finding]:
    """Check that no erasure was left half done."""
    if tombstones.is_due(connection):
        trouble = "traces of what was erased are in it: an erasure was cut off, which opening it for writing completes"
        yield Finding(where="the file of the store", trouble=trouble)


@final
class _Samples:
    """Checks samples in the order in which they were put, batch by batch."""

    def __init__(
        self, database: Database, reading: Reading, blobs: Payloads, last_sample: int, last_batch: int
    ) -> None:
        self._database, self._reading, self._blobs = database, reading, blobs
        self._last_sample, self._last_batch = last_sample, last_batch
        self._loaded = _BEFORE_ALL
        # Batches whose samples have not come yet. Those of which none comes stay behind.
        self._due: dict[int, Row[Any]] = {}
        self._batch: Row[Any] | None = None
        self._leaves: list[bytes] = []
        self._indices: list[int] = []
        self._stones: dict[int, Row[Any]] = {}

    def findings(self, progress: Progress) -> Iterator[Finding]:
        checked, last = 0, _BEFORE_ALL
        while page := self._page(last):
            for id, group in groupby(page, itemgetter(1)):
                if self._batch is None or id != self._batch.id:
                    yield from self._finish()
                    self._batch = self._due.pop(id, None)
                yield from self._rows(group)
            checked, last = checked + len(page), page[-1][0]
            progress(checked)
        yield from self._finish()
        with self._reading() as connection:
            self._load(connection, self._last_batch)
        for due in self._due.values():
            yield Finding(where=_place(due), trouble="they are gone")

    def _page(self, last: int) -> list[Any]:
        with self._reading() as connection:
            page = self._database.tuples(connection, _SAMPLES, {"after": last, "last": self._last_sample})
            if page:
                self._load(connection, max(map(itemgetter(1), page)))
                if any(row[-1] is not None for row in page):
                    self._stones = tombstones.of_samples(connection, page[0][0], page[-1][0])
        return page

    def _load(self, connection: Connection, last: int) -> None:
        query = _BATCHES.where(batch.c.id > self._loaded, batch.c.id <= last)
        self._due.update({row.id: row for row in connection.execute(query)})
        self._loaded = max(last, self._loaded)

    def _rows(self, group: Iterable[Any]) -> Iterator[Finding]:
        if self._batch is None or self._batch.uid is None:
            for row in group:
                yield Finding(where=f"sample at row {row[0]}", trouble="it lies in a batch or run other than its own")
            return
        uid, own, sha256 = self._batch.uid.encode(), self._batch.run_id, hashlib.sha256
        is_blinded = self._batch.version > 1
        for key, _, run_id, index, seed, kind, digest, payload, flaw, canonical, identity, said, *rest in group:
            parameters, prompt, salt, leaf, erased_seq = rest
            self._leaves.append(leaf)
            self._indices.append(index)
            if erased_seq is not None:
                content = (seed, kind, digest, payload, flaw, canonical, identity, said, parameters, prompt, salt)
                stone, ref = self._stones.get(key), f"{self._batch.uid}/{index}"
                if run_id != own or content != _BLANK or not tombstones.is_of(stone, ref, leaf, erased_seq):
                    yield Finding(where=f"sample {ref}", trouble=_HALF_ERASED)
                continue
            parameters = parameters and commitment(salt, b"parameters", parameters)
            prompt = prompt and commitment(salt, b"prompt", prompt)
            committed = (
                flaw,
                canonical,
                identity,
                said,
                parameters,
                prompt,
                blind(salt or b"") if is_blinded else None,
            )
            found = sample_leaf(uid, index, seed, kind, digest, *committed)
            if found != leaf or run_id != own:
                yield Finding(where=f"sample {self._batch.uid}/{index}", trouble=_CHANGED)
            if payload is None:
                if (trouble := self._blobs.trouble(digest)) and not self._is_erased(key):
                    yield Finding(where=f"payload of sample {self._batch.uid}/{index}", trouble=trouble)
            elif sha256(payload).digest() != digest:
                yield Finding(where=f"payload of sample {self._batch.uid}/{index}", trouble=_CHANGED)

    def _is_erased(self, key: int) -> bool:
        """Whether a sample was erased since its row was read, and its file with it."""
        with self._database.reading() as connection:
            erased = select(sample.c.erased_seq).where(sample.c.id == key)
            return connection.execute(erased).scalar() is not None

    def _finish(self) -> Iterator[Finding]:
        """Check the batch that is complete, and make ready for the next."""
        row, leaves, indices = self._batch, self._leaves, self._indices
        self._batch, self._leaves, self._indices = None, [], []
        if row is None or row.uid is None:
            return
        content = batch_digest(row.uid, row.first_idx, row.last_idx, row.size, row.root)
        if row.kind != "samples":
            yield Finding(where=_place(row), trouble=_UNKNOWN)
        elif row.digest != content or row.version not in (1, 2):
            yield Finding(where=_place(row), trouble="their batch was changed after it was put")
        elif merkle.root(leaves) != row.root:
            yield from _missing(row, indices)


def _missing(row: Row[Any], indices: list[int]) -> Iterator[Finding]:
    """Say what is wrong with the samples of a batch whose root is not theirs."""
    is_whole = row.size == row.last_idx - row.first_idx + 1
    gone = sorted(set(range(row.first_idx, row.last_idx + 1)).difference(indices)) if is_whole else []
    for index in gone:
        yield Finding(where=f"sample {row.uid}/{index}", trouble="it is gone")
    if not gone:
        trouble = f"they are not those that were put: {row.size} were, {len(indices)} are there"
        yield Finding(where=_place(row), trouble=trouble)


def _place(row: Row[Any]) -> str:
    return f"samples {row.uid}/{row.first_idx} to {row.last_idx}"


def _last(table: Any) -> Any:
    return select(func.coalesce(func.max(table.c.id), 0)).scalar_subquery()
