"""Checks every row against the ledger, and the ledger against its root."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, islice
from operator import attrgetter, itemgetter
from typing import Any, final

from sqlalchemy import Connection, Row, Select, bindparam, exists, func, select

from genwright.errors import StoreError
from genwright.store import Finding, Progress
from genwright_storage import ledger, merkle, queries, rows
from genwright_storage.database import Database, Reading
from genwright_storage.encoding import batch_digest, blind, commitment, entry_leaf, sample_leaf
from genwright_storage.functions import as_bytes
from genwright_storage.heads import Claims, Trust
from genwright_storage.inline import Payloads
from genwright_storage.tables import (
    LOGGED,
    batch,
    checkpoint,
    environment,
    log_entry,
    log_tile,
    outbox,
    run,
    run_end,
    sample,
    score,
    signing_key,
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
        *(as_bytes(sample.c.prompt), sample.c.salt, sample.c.leaf),
    )
    .where(sample.c.id > bindparam("after"), sample.c.id <= bindparam("last"))
    .order_by(sample.c.id)
    .limit(PAGE)
)

# Of the entry in the ledger, or of that which still waits in the outbox.
_DIGEST, _KIND = func.coalesce(log_entry.c.digest, outbox.c.digest), func.coalesce(log_entry.c.kind, outbox.c.kind)

_BATCHES: Select[Any] = (
    select(batch, run.c.uid, _DIGEST.label("digest"), _KIND.label("kind"))
    .outerjoin(run, run.c.id == batch.c.run_id)
    .outerjoin(log_entry, log_entry.c.seq == batch.c.seq)
    .outerjoin(outbox, outbox.c.id == -batch.c.seq)
    .order_by(batch.c.id)
)

_CHANGED = "it was changed after it was put"
_UNKNOWN = "it is not in the ledger"


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
        level, size, hashes = level + 1, size // ledger.TILE, iter(above)


def _things(connection: Connection) -> Iterator[Finding]:
    """Check all but the samples: each thing against the digest that its entry in the ledger commits to."""
    for row in connection.execute(select(environment)):
        if not _is_environment(row):
            yield Finding(where=f"environment {row.digest.hex()}", trouble=_CHANGED)
    kinds = (("run", _runs), ("end", _ends), ("checkpoint", _checkpoints), ("scores", _scores), ("key", _keys))
    for kind, things in kinds:
        for where, digest, entry in things(connection):
            if entry.entry_kind != kind:
                yield Finding(where=where, trouble=_UNKNOWN)
            elif entry.entry_digest != digest:
                yield Finding(where=where, trouble=_CHANGED)


_Things = Iterator[tuple[str, bytes, Any]]


def _with_entry(query: Select[Any], seq: Any) -> Select[Any]:
    query = query.add_columns(_DIGEST.label("entry_digest"), _KIND.label("entry_kind"))
    return query.outerjoin(log_entry, log_entry.c.seq == seq).outerjoin(outbox, outbox.c.id == -seq).order_by(seq)


def _runs(connection: Connection) -> _Things:
    query = select(run, environment.c.digest.label("environment")).outerjoin_from(run, environment)
    for row in connection.execute(_with_entry(query, run.c.seq)):
        yield f"run {row.uid}", rows.run_digest(row._asdict()), row


def _ends(connection: Connection) -> _Things:
    query = select(run_end, run.c.uid).outerjoin_from(run_end, run)
    for row in connection.execute(_with_entry(query, run_end.c.seq)):
        yield f"end of run {row.uid}", rows.end_digest(row._asdict()) if row.uid else b"", row


def _checkpoints(connection: Connection) -> _Things:
    for row in connection.execute(_with_entry(select(checkpoint), checkpoint.c.seq)):
        stored = queries.checkpoint_of(connection, row)
        yield f"checkpoint {row.digest}", rows.checkpoint_digest(stored), row


def _scores(connection: Connection) -> _Things:
    query = select(score, run.c.uid).outerjoin_from(score, run, run.c.id == score.c.run_id)
    query = _with_entry(query, score.c.seq).order_by(score.c.id)
    for (uid, _), group in groupby(connection.execute(query), attrgetter("uid", "seq")):
        found = list(group)
        digest = rows.scores_digest(uid, [rows.score_from(row) for row in found]) if uid else b""
        yield f"scores of run {uid}", digest, found[0]


def _keys(connection: Connection) -> _Things:
    for row in connection.execute(_with_entry(select(signing_key), signing_key.c.seq)):
        yield f"key {row.verifier}", ledger.key_content(row.verifier, row.reason, row.proof), row


def _is_environment(row: Any) -> bool:
    if hashlib.sha256(row.body.encode()).digest() != row.digest:
        return False
    body = json.loads(row.body)
    return bool((row.python, row.platform, row.device) == (body["python"], body["platform"], body["device"]))


def _gone(connection: Connection) -> Iterator[Finding]:
    """Check that what the ledger has an entry for is there."""
    for kind, table in LOGGED.items():
        gone = select(log_entry).where(log_entry.c.kind == kind, ~exists().where(table.c.seq == log_entry.c.seq))
        for entry in connection.execute(gone.order_by(log_entry.c.seq)):
            where = f"{kind} {entry.ref}, entry {entry.seq} of the ledger"
            yield Finding(where=where, trouble="it is in the ledger, and gone from the store")
        waits = select(outbox).where(outbox.c.kind == kind, ~exists().where(table.c.seq == -outbox.c.id))
        for entry in connection.execute(waits.order_by(outbox.c.id)):
            where = f"{kind} {entry.ref}, which waits to enter the ledger"
            yield Finding(where=where, trouble="it is gone from the store")


@final
class _Samples:
    """Checks samples in the order in which they were put, batch by batch."""

    def __init__(
        self, database: Database, reading: Reading, blobs: Payloads, last_sample: int, last_batch: int
    ) -> None:
        self._database, self._reading, self._blobs = database, reading, blobs
        self._last_sample, self._last_batch = last_sample, last_batch
        self._loaded = 0
        # Batches whose samples have not come yet. Those of which none comes stay behind.
        self._due: dict[int, Row[Any]] = {}
        self._batch: Row[Any] | None = None
        self._leaves: list[bytes] = []
        self._indices: list[int] = []

    def findings(self, progress: Progress) -> Iterator[Finding]:
        checked, last = 0, 0
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
        for _, _, run_id, index, seed, kind, digest, payload, flaw, canonical, identity, reviews, *rest in group:
            parameters, prompt, salt, leaf = rest
            parameters = parameters and commitment(salt, b"parameters", parameters)
            prompt = prompt and commitment(salt, b"prompt", prompt)
            committed = (
                flaw,
                canonical,
                identity,
                reviews,
                parameters,
                prompt,
                blind(salt or b"") if is_blinded else None,
            )
            found = sample_leaf(uid, index, seed, kind, digest, *committed)
            if found != leaf or run_id != own:
                yield Finding(where=f"sample {self._batch.uid}/{index}", trouble=_CHANGED)
            if payload is None:
                if trouble := self._blobs.trouble(digest):
                    yield Finding(where=f"payload of sample {self._batch.uid}/{index}", trouble=trouble)
            elif sha256(payload).digest() != digest:
                yield Finding(where=f"payload of sample {self._batch.uid}/{index}", trouble=_CHANGED)
            self._leaves.append(leaf)
            self._indices.append(index)

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
