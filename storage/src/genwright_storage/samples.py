"""Checks samples against the batches that the ledger has of them, in the order in which they were put."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any, final

from sqlalchemy import Connection, Row, Select, bindparam, select

from genwright.store import Finding, Progress
from genwright_storage import merkle, queries, tombstones
from genwright_storage.database import Database, Reading
from genwright_storage.encoding import batch_digest, blind, commitment, sample_leaf
from genwright_storage.functions import as_bytes
from genwright_storage.inline import Payloads
from genwright_storage.tables import batch, log_entry, outbox, run, sample

__all__ = ["CHANGED", "FIRST", "UNKNOWN", "Share", "findings"]

PAGE = 2000

FIRST = -(1 << 63)
"""The least key that a row can have. The store gives those from 1 on; one that was put there by hand may have any."""

CHANGED = "it was changed after it was put"
UNKNOWN = "it is not in the ledger"
_HALF_ERASED = "it is marked as erased, and has content or no tombstone of its own"
_BLANK = tuple(b"" if value == "" else value for value in tombstones.BLANKS["sample"].values())

# Text as bytes: it is hashed and never read, so it is not decoded.
_SAMPLES: Select[Any] = (
    select(
        *(sample.c.id, sample.c.batch_id, sample.c.run_id, sample.c.idx, sample.c.seed, as_bytes(sample.c.media_type)),
        *(sample.c.digest, sample.c.payload, as_bytes(sample.c.flaw), as_bytes(sample.c.canonical)),
        *(as_bytes(sample.c.identity), as_bytes(sample.c.reviews), as_bytes(sample.c.parameters)),
        *(as_bytes(sample.c.prompt), sample.c.salt, sample.c.leaf, sample.c.erased_seq),
    )
    .where(sample.c.id >= bindparam("first"), sample.c.id <= bindparam("last"))
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


@dataclass(frozen=True, kw_only=True)
class Share:
    """Samples that follow one another, and their batches: those whose keys are from the first up to the last."""

    first_sample: int = FIRST
    last_sample: int
    first_batch: int = FIRST
    last_batch: int


def findings(
    database: Database, reading: Reading, blobs: Payloads, share: Share, progress: Progress
) -> Iterator[Finding]:
    """Yield what is wrong with the samples of a share.

    progress: called for each page with how many samples were checked so far
    """
    return _Check(database, reading, blobs, share).findings(progress)


@final
class _Check:
    """Goes from batch to batch."""

    def __init__(self, database: Database, reading: Reading, blobs: Payloads, share: Share) -> None:
        self._database, self._reading, self._blobs = database, reading, blobs
        self._share, self._next = share, share.first_batch
        # Batches whose samples have not come yet. Those of which none comes stay behind.
        self._due: dict[int, Row[Any]] = {}
        self._batch: Row[Any] | None = None
        self._leaves: list[bytes] = []
        self._indices: list[int] = []
        self._stones: dict[int, Row[Any]] = {}

    def findings(self, progress: Progress) -> Iterator[Finding]:
        checked, first = 0, self._share.first_sample
        while first <= self._share.last_sample and (page := self._page(first)):
            for id, group in groupby(page, itemgetter(1)):
                rows = list(group)
                begin = next((at for at, row in enumerate(rows) if not self._is_astray(id, row[3])), len(rows))
                yield from _astray(rows[:begin])
                if begin == len(rows):
                    continue
                if self._batch is None or id != self._batch.id:
                    yield from self._finish()
                    self._batch = self._due.pop(id)
                yield from _astray(rows[begin:]) if self._batch.uid is None else self._rows(rows[begin:])
            checked, first = checked + len(page), page[-1][0] + 1
            progress(checked)
        yield from self._finish()
        with self._reading() as connection:
            self._load(connection, self._share.last_batch)
        for due in self._due.values():
            yield Finding(where=_place(due), trouble="they are gone")

    def _page(self, first: int) -> list[Any]:
        with self._reading() as connection:
            page = self._database.tuples(connection, _SAMPLES, {"first": first, "last": self._share.last_sample})
            if page:
                self._load(connection, min(max(map(itemgetter(1), page)), self._share.last_batch))
                if any(row[-1] is not None for row in page):
                    self._stones = tombstones.of_samples(connection, page[0][0], page[-1][0])
        return page

    def _load(self, connection: Connection, last: int) -> None:
        if last >= self._next:
            query = _BATCHES.where(batch.c.id >= self._next, batch.c.id <= last)
            self._due.update({row.id: row for row in connection.execute(query)})
            self._next = last + 1

    def _is_astray(self, id: int, index: int) -> bool:
        """Whether rows of a batch are where none of it can be: it does not begin with them."""
        current, due = self._batch, self._due.get(id)
        if current is not None and current.id == id:
            return False
        if due is None:
            return True
        # The first row of the batch that comes next may have been given another index.
        is_cut = current is not None and len(self._indices) < current.size
        is_next = id == next(iter(self._due)) and not is_cut
        return not (due.first_idx <= index <= due.last_idx or is_next)

    def _rows(self, group: Iterable[Any]) -> Iterator[Finding]:
        assert self._batch is not None
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
                yield Finding(where=f"sample {self._batch.uid}/{index}", trouble=CHANGED)
            if payload is None:
                if (trouble := self._blobs.trouble(digest)) and not self._is_erased(key):
                    yield Finding(where=f"payload of sample {self._batch.uid}/{index}", trouble=trouble)
            elif sha256(payload).digest() != digest:
                yield Finding(where=f"payload of sample {self._batch.uid}/{index}", trouble=CHANGED)

    def _is_erased(self, key: int) -> bool:
        """Whether a sample was erased since its row was read, and its file with it."""
        with self._database.seeing() as connection:
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
            yield Finding(where=_place(row), trouble=UNKNOWN)
        elif row.digest != content or row.version not in (1, 2):
            yield Finding(where=_place(row), trouble="their batch was changed after it was put")
        elif merkle.root(leaves) != row.root:
            yield from _missing(row, indices)


def _astray(rows: Iterable[Any]) -> Iterator[Finding]:
    for row in rows:
        yield Finding(where=f"sample at row {row[0]}", trouble="it lies in a batch or run other than its own")


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
