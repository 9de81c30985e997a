"""The SQL store: runs, checkpoints and samples in SQLite or PostgreSQL, under a Merkle ledger."""

from __future__ import annotations

import itertools
import json
import math
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, final

from sqlalchemy import Connection, insert, select

from genwright.errors import Conflict, Forbidden, StoreError, UnknownName
from genwright.folders import blobs_url
from genwright.query import Hit, Query
from genwright.run import Run, State
from genwright.store import (
    Finding,
    Progress,
    Record,
    Score,
    StoredCheckpoint,
    check_plain,
    check_same_run,
    conflict,
    one_batch,
    opening,
    split_id,
)
from genwright_storage import actors, encoding, queries, rows, tables, tombstones
from genwright_storage.database import database_at
from genwright_storage.errors import repeated, translated
from genwright_storage.inline import payloads_at
from genwright_storage.keys import KeyRing
from genwright_storage.ledger import state
from genwright_storage.migrations import HEAD
from genwright_storage.notes import SigningKey, VerifierKey
from genwright_storage.terms import given_reason
from genwright_storage.verification import findings

__all__ = ["SQLStore"]


@final
class SQLStore:
    """A store in an SQLite file, with payloads over 64 KiB in files beside it, or in a PostgreSQL database.

    It is made when it is not there.

    url:      "sqlite:///path" or "postgresql+psycopg://user@host/database"; with "?mode=ro" it is only read
    patience: seconds to wait for another process that writes
    ring:     where the key is that signs the ledger; None for the folder of keys
    origin:   the name of the ledger, if the store is to be made; None for one that no other has

    Raises UsageError for a URL that names no file, ForeignStore for a file that is not a store, and another StoreError
    if it cannot be opened.
    """

    def __init__(
        self, url: str, *, patience: float = 30.0, ring: KeyRing | None = None, origin: str | None = None
    ) -> None:
        self.database = database_at(url, patience=patience, ring=ring, origin=origin)
        self.url = self.database.url
        self.ledger = self.database.ledger
        self.blobs, self._inline = payloads_at(blobs_url(url), self.database.blobs)
        if self.database.is_writable:
            self._remember()
            self._complete()

    def _remember(self) -> None:
        """Note which ledger is at this place, so that another one that is put there shows."""
        ring, place = self.ledger.ring, self.database.place
        with suppress(StoreError):
            if not self.ledger.has_begun and ring.remembered(place) is not None:
                return
            with self.database.seeing() as connection:
                origin = state(connection).origin
            if origin is not None:
                ring.remember(place, origin)

    @property
    def signer(self) -> SigningKey | None:
        """The key that signs the ledger, or None if it is not on this machine."""
        with self.database.reading() as connection:
            origin = state(connection).origin
            newest = select(tables.signing_key.c.verifier).order_by(tables.signing_key.c.seq.desc()).limit(1)
            verifier = connection.execute(newest).scalar()
        return None if origin is None or verifier is None else self.ledger.ring.held(origin, verifier)

    def rotate_key(self, reason: str) -> VerifierKey:
        """Let a new key sign the ledger from now on, and return it. The one so far signs it, where it is here.

        Raises Forbidden without the role of an admin, UsageError for an empty reason.
        """
        reason = given_reason(reason)
        with self.database.writing("admin") as connection:
            origin, new = state(connection).origin, self.ledger.rotate(connection, reason)
        assert origin is not None
        self.ledger.ring.promote(origin, new)
        return new

    @repeated
    def put_run(self, run: Run) -> None:
        """Record the start of a run, with its environment."""
        started = opening(run)
        with self.database.writing("generator") as connection:
            stored = connection.execute(queries.RUNS.where(tables.run.c.uid == started.id)).first()
            if stored is None:
                self._insert_run(connection, started)
            else:
                _check_living(connection, stored)
                check_same_run(rows.run_from(stored), started)

    @repeated
    def finish_run(
        self, run: str, state: State, *, error: str | None = None, notes: Sequence[str] = (), at: int | None = None
    ) -> None:
        """Record how a run ended."""
        check_plain(f"run {run}", error or "", *notes)
        with self.database.writing("generator") as connection:
            ended = queries.run_row(connection, run)
            _check_living(connection, ended)
            values = {
                "run_id": ended.id,
                "state": state,
                "error": error,
                "notes": json.dumps(list(notes), ensure_ascii=False),
                "finished_ns": None if state == "running" else time.time_ns() if at is None else at,
                "salt": os.urandom(16),
            }
            content = rows.end_digest(values | {"uid": ended.uid})
            seq = self.ledger.append(connection, "end", ended.uid, content)
            connection.execute(insert(tables.run_end), values | {"seq": seq})

    @repeated
    def put_checkpoint(self, checkpoint: StoredCheckpoint) -> None:
        """Record a checkpoint, once; its files stay where they are."""
        digest, texts = checkpoint.digest, (checkpoint.name, checkpoint.domain, checkpoint.card)
        check_plain(f"checkpoint {digest}", digest, *texts, *checkpoint.files)
        with self.database.writing("generator") as connection:
            stored = connection.execute(select(tables.checkpoint).where(tables.checkpoint.c.digest == digest)).first()
            if stored is None:
                self._insert_checkpoint(connection, checkpoint)
            elif queries.checkpoint_of(connection, stored) != checkpoint:
                raise Conflict(
                    f"checkpoint {digest} is already stored with another content. "
                    f"The digest of a checkpoint is over its card and its files."
                )

    @repeated
    def put_samples(self, records: Sequence[Record]) -> None:
        """Record samples of one run, as one batch of the ledger."""
        batch = one_batch(records)
        if not batch:
            return
        new = rows.new_rows(batch, inline=self._inline)
        # Files before rows, so that no row ever names a file that is not there.
        large = {row.digest: record.payload for row, record in zip(new, batch, strict=True) if row.payload is None}
        with translated(self.url):
            self.blobs.put(large)
        # The file of a payload may have gone since it was put, with a sample that was erased or by being collected.
        if not large and self.database.insert_new(batch[0].run, new):
            return
        with self.database.writing("generator") as connection:
            run_id, is_erased = queries.run_key(connection, batch[0].run)
            if is_erased:
                _check_living(connection, queries.run_row(connection, batch[0].run))
            if large:
                # Again, while nobody erases or collects: a file may have gone in between.
                with translated(self.url):
                    self.blobs.put({digest: data for digest, data in large.items() if not self.blobs.has(digest)})
            new = self._without_stored(connection, run_id, batch, new)
            if new:
                self._insert_batch(connection, run_id, batch[0].run, new)

    @repeated
    def put_scores(self, run: str, scores: Sequence[Score]) -> None:
        """Record values of metrics."""
        if not scores:
            return
        check_plain(f"scores of run {run}", *(text for score in scores for text in (score.metric, score.detail)))
        plain = [replace(score, value=float(score.value), error=_number(score.error)) for score in scores]
        with self.database.writing("generator") as connection:
            scored = queries.run_row(connection, run)
            _check_living(connection, scored)
            wanted = sorted({score.index for score in scores if score.index is not None})
            for index in queries.absent(connection, scored.id, wanted):
                _check_not_erased(connection, scored, index)
                raise UnknownName("sample", f"{scored.uid}/{index}", [], "Put a sample before its scores.")
            seq = self.ledger.append(connection, "scores", scored.uid, rows.scores_digest(scored.uid, plain))
            connection.execute(insert(tables.score), [rows.score_row(score, scored.id, seq) for score in plain])

    def run(self, id: str) -> Run:
        """Return a run."""
        with self.database.reading() as connection:
            return rows.run_from(queries.run_row(connection, id))

    def runs(self, *, kind: str | None = None, limit: int | None = None) -> Iterator[Run]:
        """Yield runs, newest first."""
        return itertools.islice(self._runs(kind), limit)

    def checkpoint(self, digest: str) -> StoredCheckpoint:
        """Return a checkpoint."""
        with self.database.reading() as connection:
            return queries.checkpoint_of(connection, queries.checkpoint_row(connection, digest))

    def sample(self, id: str) -> Record:
        """Return a sample by its id, "run/index"."""
        run, index = split_id(id)
        with self.database.reading() as connection:
            found = queries.run_row(connection, run)
            row = queries.sample_row(connection, found.id, index)
            if row is None:
                _check_not_erased(connection, found, index)
        if row is None:
            raise UnknownName("sample", id, [], f"List them with: genwright samples list --run {run}.")
        return self._record(row)

    def samples(
        self,
        *,
        run: str | None = None,
        domain: str | None = None,
        text: str | None = None,
        identity: str | None = None,
        valid: bool | None = None,
        limit: int | None = None,
    ) -> Iterator[Record]:
        """Yield samples, newest run first and by index in it; text is looked for in payloads up to 64 KiB."""
        with self.database.reading() as connection:
            key = None if run is None else queries.run_row(connection, run).id
            runs = queries.runs_with(connection, key=key, domain=domain, identity=identity)
        conditions = queries.filters(text=text, identity=identity, valid=valid)
        return itertools.islice((record for id in runs for record in self._samples(id, conditions)), limit)

    def search(self, query: Query, *, progress: Progress | None = None) -> Iterator[Hit]:
        """Yield the samples that fit a query; the index is brought up to date first, where the store can be written."""
        # Numpy and the plugins are imported when something is searched for.
        from genwright_storage.search.answers import answers

        return answers(self.database, self.blobs, query, progress=progress)

    def missing(self, run: str) -> Iterable[int]:
        """Return the planned indices of a run that have no sample yet, ascending."""
        return self._missing(self.run(run))

    def scores(self, run: str) -> list[Score]:
        """Return the values of metrics recorded for a run."""
        with self.database.reading() as connection:
            scored = queries.run_row(connection, run).id
            query = select(tables.score).where(tables.score.c.run_id == scored).order_by(tables.score.c.id)
            stored = connection.execute(tombstones.with_tombstone(query, "score", tables.score.c.id))
            return [rows.score_from(row) for row in stored if row.stone is None]

    def verify(
        self, *, heads: Sequence[str] = (), keys: Sequence[str] = (), progress: Progress | None = None
    ) -> Iterator[Finding]:
        """Check every row against the ledger, and the ledger against its heads; yield what is wrong.

        Raises ProofError for a key that is none.
        """
        for key in keys:
            VerifierKey.parse(key)
        self._check_auditor()
        return findings(self.database, self.blobs, progress or (lambda _: None), heads=heads, keys=keys)

    def evidence(self, id: str) -> Mapping[str, str | int]:
        """Return where a sample is in the ledger, as plain facts."""
        from genwright_storage.evidence import place

        return place(self, id)

    def info(self) -> Mapping[str, Any]:
        """Return facts about the store."""
        self.database.settle()
        with self.database.reading() as connection:
            counts, end = queries.counts(connection), state(connection)
            facts = dict(self.database.facts(connection))
        is_known = end.origin is not None and bool(self.ledger.ring.trusted(end.origin))
        return {
            "url": self.url,
            "format": HEAD,
            **counts,
            **facts,
            "bytes": facts["bytes"] + self.blobs.size(),
            "head": {"size": end.edge.size, "root": end.edge.root.hex(), "origin": end.origin, "known": is_known},
        }

    def close(self) -> None:
        """Let go of the store."""
        self.database.close()

    def _complete(self) -> None:
        """Do what an erasure left undone, if one did; where that cannot be now, the next opening by who may does it."""
        with self.database.seeing() as connection:
            is_due = tombstones.is_due(connection)
        if is_due:
            from genwright_storage import erasure

            with suppress(StoreError):
                erasure.complete(self)

    def _check_auditor(self) -> None:
        # Asked of a store that may be damaged, which is then for its findings to say.
        try:
            self.database.require("auditor")
        except Forbidden:
            raise
        except StoreError:
            return

    def _runs(self, kind: str | None) -> Iterator[Run]:
        query, last = queries.RUNS.order_by(tables.run.c.id.desc()).limit(queries.PAGE), None
        if kind is not None:
            query = query.where(tables.run.c.kind == kind)
        while True:
            page = query if last is None else query.where(tables.run.c.id < last)
            with self.database.reading() as connection:
                found = connection.execute(page).all()
            yield from map(rows.run_from, found)
            if len(found) < queries.PAGE:
                return
            last = found[-1].id

    def _samples(self, run_id: int, conditions: Sequence[Any]) -> Iterator[Record]:
        # Page by page: an open cursor would hold a snapshot, and the write-ahead log could not be emptied.
        query = queries.SAMPLES.where(tables.sample.c.run_id == run_id, *conditions)
        query, last = query.order_by(tables.sample.c.idx).limit(queries.PAGE), -1
        while True:
            with self.database.reading() as connection:
                found = connection.execute(query.where(tables.sample.c.idx > last)).all()
            yield from map(self._record, found)
            if len(found) < queries.PAGE:
                return
            last = found[-1].idx

    def _record(self, row: Any) -> Record:
        *columns, payload, digest = row
        if payload is None:
            with translated(self.url):
                payload = self.blobs.get(digest)
        return rows.record_from(columns, payload)

    def _missing(self, run: Run) -> Iterator[int]:
        start = 0
        while start < run.planned:
            with self.database.reading() as connection:
                key, _ = queries.run_key(connection, run.id)
                missing, start = queries.gaps(connection, key, start, run.planned)
            yield from missing

    def _without_stored(
        self, connection: Connection, run_id: int, batch: Sequence[Record], new: Sequence[rows.SampleRow]
    ) -> list[rows.SampleRow]:
        """Return the rows that are not stored yet. Raises Conflict if a stored one is of another record."""
        records = {record.index: record for record in batch}
        stored = set()
        indices = [record.index for record in batch]
        for index, salt, leaf, version, erased_seq in queries.same_rows(connection, run_id, indices):
            record = records[index]
            if erased_seq is not None:
                _check_not_erased(connection, queries.run_row(connection, record.run), index)
            if rows.sample_row(record, salt, version=version).leaf != leaf:
                raise conflict(self._record(queries.sample_row(connection, run_id, index)), record)
            stored.add(index)
        return [row for row in new if row.idx not in stored]

    def _insert_run(self, connection: Connection, run: Run) -> None:
        digest, by = bytes.fromhex(run.environment.digest), actors.current()
        values = {
            "uid": run.id,
            "kind": run.kind,
            "domain": run.domain,
            "environment_id": _environment_key(connection, run, digest),
            "actor_id": actors.actor_key(connection, by),
            "model": run.model,
            "checkpoint": run.checkpoint,
            "parent": run.parent,
            "config": json.dumps(run.config, ensure_ascii=False),
            "seed": encoding.signed(run.seed),
            "planned": run.planned,
            "started_ns": run.started,
            "salt": os.urandom(16),
        }
        content = rows.run_digest(values | {"environment": digest, "actor": by.subject})
        connection.execute(insert(tables.run), values | {"seq": self.ledger.append(connection, "run", run.id, content)})

    def _insert_checkpoint(self, connection: Connection, checkpoint: StoredCheckpoint) -> None:
        values = {
            "digest": checkpoint.digest,
            "name": checkpoint.name,
            "domain": checkpoint.domain,
            "card": checkpoint.card,
            "seq": self.ledger.append(connection, "checkpoint", checkpoint.digest, rows.checkpoint_digest(checkpoint)),
        }
        key = connection.execute(insert(tables.checkpoint).returning(tables.checkpoint.c.id), values).scalar_one()
        for path, (digest, size) in checkpoint.files.items():
            file = {"checkpoint_id": key, "path": path, "digest": digest, "size": size}
            connection.execute(insert(tables.checkpoint_file), file)

    def _insert_batch(self, connection: Connection, run_id: int, run: str, new: Sequence[rows.SampleRow]) -> None:
        row = rows.batch_row(new)
        seq = self.ledger.append(connection, "samples", row.ref(run), row.content(run))
        values = {"run_id": run_id, **row._asdict(), "seq": seq}
        key = connection.execute(queries.INSERT_BATCH, values).scalar_one()
        self.database.insert_samples(connection, run_id, key, new)


def _check_living(connection: Connection, run: Any) -> None:
    """Raise Erased if a run was erased."""
    if run.erased is not None and (gone := tombstones.erased(connection, "run", run.id, f"run {run.uid}")):
        raise gone


def _check_not_erased(connection: Connection, run: Any, index: int) -> None:
    """Raise Erased if a sample was erased."""
    key = select(tables.sample.c.id).where(tables.sample.c.run_id == run.id, tables.sample.c.idx == index)
    if gone := tombstones.erased(connection, "sample", key.scalar_subquery(), f"sample {run.uid}/{index}"):
        raise gone


def _environment_key(connection: Connection, run: Run, digest: bytes) -> int:
    stored = select(tables.environment.c.id).where(tables.environment.c.digest == digest)
    key: int | None = connection.execute(stored).scalar()
    if key is None:
        environment = run.environment
        values = {
            "digest": digest,
            "python": environment.python,
            "platform": environment.platform,
            "device": environment.device,
            "body": json.dumps(environment.to_json(), sort_keys=True, separators=(",", ":"), ensure_ascii=True),
        }
        key = connection.execute(insert(tables.environment).returning(tables.environment.c.id), values).scalar_one()
    return key


def _number(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else float(value)
