"""Erasure: the content of samples and runs goes for good, under tombstones, and all proofs of the others still verify.

What is cleared in the database is cleared in one transaction, with the tombstones. Files of payloads, and traces in the
database's own file, are removed after it; what is still to do is written down in that transaction, so that a crash in
between is made good by the next erasure or by opening the store for writing.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

from sqlalchemy import ColumnElement, Connection, Select, Table, delete, func, insert, select, update

from genwright.errors import StorageFull, StoreLocked
from genwright.store import check_plain
from genwright_storage import actors, holds, queries, rows, tombstones
from genwright_storage.database import Log
from genwright_storage.search.index import forget
from genwright_storage.tables import (
    actor,
    environment,
    erasure_due,
    log_entry,
    outbox,
    review,
    run,
    run_end,
    sample,
    score,
    tombstone,
)
from genwright_storage.terms import given_reason

if TYPE_CHECKING:
    from genwright_storage.store import SQLStore

__all__ = ["AT_ONCE", "Erased", "Eraser", "complete", "erase"]

AT_ONCE = 500


@final
@dataclass(frozen=True, kw_only=True)
class Erased:
    """What an erasure did.

    is_complete: False if the database could not be written anew at once, which the next opening does
    copies:      files beside the store that were made before and still hold everything
    related:     runs that replay or measure one that was erased, and may have the same seed and texts
    """

    samples: int
    runs: int
    is_complete: bool
    copies: tuple[Path, ...]
    related: tuple[str, ...]


def erase(store: SQLStore, ids: Sequence[str], *, reason: str, basis: str | None = None) -> Erased:
    """Erase samples ("run/index") and whole runs ("run"), all of them or none. What was erased before is passed over.

    basis: the legal basis, such as an article

    Raises UnknownName for an id that is not there, Forbidden under a legal hold or without the role of an admin.
    """
    reason = given_reason(reason)
    check_plain("a legal basis", basis or "")
    with store.database.erasing() as connection:
        eraser = Eraser(connection, store.ledger, reason=reason, basis=basis)
        for id in ids:
            eraser.erase(id)
        related = eraser.related()
    return Erased(
        samples=eraser.samples,
        runs=eraser.runs,
        is_complete=complete(store),
        copies=tuple(store.database.copies()),
        related=related,
    )


def complete(store: SQLStore) -> bool:
    """Do what erasures have still to do, and return whether all of it is done.

    It is not where others read or write for long, or there is no space to write the database anew.
    """
    try:
        return _complete(store)
    except (StoreLocked, StorageFull):
        return False


def _complete(store: SQLStore) -> bool:
    while True:
        # Asked first: who may not remove files can open the store all the same, and nobody has to wait for nothing.
        with store.database.seeing() as connection:
            due = select(func.max(erasure_due.c.id), func.count(erasure_due.c.digest))
            last, files = connection.execute(due).one()
        if last is None:
            return True
        if not files:
            break
        with store.database.erasing(None) as connection:
            _remove_files(store, connection)
    # What was removed is by now in no row; its traces are in free pages and in the log.
    if not store.database.rewrite():
        return False
    with store.database.writing(None) as connection:
        connection.execute(delete(erasure_due).where(erasure_due.c.id <= last))
        return not tombstones.is_due(connection)


def _remove_files(store: SQLStore, connection: Connection) -> None:
    """Remove a page of files that no sample names any more.

    Nobody else writes meanwhile, so that none of them can be named again.
    """
    due = select(erasure_due).where(erasure_due.c.digest.is_not(None)).limit(AT_ONCE)
    found = connection.execute(due).all()
    for row in found:
        named = (sample.c.digest == row.digest, sample.c.payload.is_(None), sample.c.erased_seq.is_(None))
        if connection.execute(select(sample.c.id).where(*named).limit(1)).first() is None:
            store.blobs.erase(row.digest)
    connection.execute(delete(erasure_due).where(erasure_due.c.id.in_([row.id for row in found])))


@final
class Eraser:
    """Erases in one transaction, as one actor and for one reason."""

    def __init__(self, connection: Connection, ledger: Log, *, reason: str, basis: str | None = None) -> None:
        self.samples, self.runs = 0, 0
        self._erased: list[str] = []
        self.holds = holds.active(connection)
        self._connection, self._ledger, self._is_due = connection, ledger, False
        by = actors.current()
        self._said = {"reason": reason, "legal_basis": basis, "created_ns": time.time_ns()}
        self._actor = {"actor_id": actors.actor_key(connection, by), "actor": by.subject}

    def erase(self, id: str) -> None:
        """Erase what an id names."""
        if "/" in id:
            found, row = queries.sample_at(self._connection, id)
            holds.check(self.holds, uid=found.uid, domain=found.domain, index=row.idx)
            self.erase_samples(found, sample.c.idx == row.idx)
        else:
            self.erase_run(queries.run_row(self._connection, id))

    def erase_run(self, found: Any) -> None:
        """Erase a run: its samples, its scores, and the texts of its start and its ends."""
        holds.check(self.holds, uid=found.uid, domain=found.domain, index=None)
        self.erase_samples(found)
        scores = [self._stone("score", row.id, found.uid, _leaf(row)) for row in self._scores(found.id)]
        for start in range(0, len(scores), AT_ONCE):
            self._bury(found.uid, scores[start : start + AT_ONCE])
        if found.erased is None:
            forget(self._connection, runs=[found.id])
            self._bury(found.uid, [*self._ends(found), self._start(found.id)])
            self.runs += 1
            self._erased.append(found.uid)

    def related(self) -> tuple[str, ...]:
        """Return the runs whose parent was erased here, and that were not."""
        children = select(run.c.uid).where(run.c.parent.in_(self._erased), run.c.salt != b"").order_by(run.c.id)
        return tuple(self._connection.execute(children).scalars())

    def erase_samples(self, found: Any, *which: ColumnElement[bool]) -> None:
        """Erase those samples of a run that fit some conditions, page by page, and what was said of them."""
        living = (sample.c.run_id == found.id, sample.c.erased_seq.is_(None), *which)
        columns = (
            sample.c.id,
            sample.c.idx,
            sample.c.leaf,
            sample.c.digest,
            sample.c.payload.is_(None).label("is_out"),
        )
        page = select(*columns).where(*living).order_by(sample.c.idx).limit(AT_ONCE)
        while stored := self._connection.execute(page).all():
            self.erase_page(found, stored)

    def erase_page(self, found: Any, stored: Sequence[Any]) -> None:
        """Erase some samples of a run, whose id, idx, leaf, digest and `is_out` these are, and what was said of them.

        is_out: whether the payload is in a file
        """
        forget(self._connection, [row.id for row in stored])
        indices = [row.idx for row in stored]
        stones = [self._stone("sample", row.id, f"{found.uid}/{row.idx}", row.leaf) for row in stored]
        for row in self._scores(found.id, score.c.idx.in_(indices)):
            stones.append(self._stone("score", row.id, f"{found.uid}/{row.idx}", _leaf(row)))
        stones += self._reviews(found, indices)
        self._bury(f"{found.uid}/{indices[0]}", stones)
        if out := [{"digest": row.digest} for row in stored if row.is_out]:
            self._connection.execute(insert(erasure_due), out)
        self.samples += len(stored)

    def _bury(self, ref: str, stones: list[dict[str, Any]]) -> None:
        """Write tombstones with their entry in the ledger, and clear the rows below them."""
        stones.sort(key=lambda stone: (stone["kind"], stone["target"]))
        seq = self._ledger.append(self._connection, "erasure", ref, tombstones.content(stones))
        columns = [{name: stone[name] for name in stone if name != "actor"} | {"seq": seq} for stone in stones]
        self._connection.execute(insert(tombstone), columns)
        for kind, table in _TABLES.items():
            if targets := [stone["target"] for stone in stones if stone["kind"] == kind]:
                marked = {"erased_seq": seq} if kind == "sample" else {}
                cleared = update(table).where(table.c.id.in_(targets))
                self._connection.execute(cleared, dict(tombstones.BLANKS[kind]) | marked)
        if not self._is_due:
            self._connection.execute(insert(erasure_due), {"digest": None})
            self._is_due = True

    def _stone(self, kind: str, target: int, ref: str, leaf: bytes) -> dict[str, Any]:
        return {"kind": kind, "target": target, "ref": ref, "leaf": leaf, **self._said, **self._actor}

    def _start(self, key: int) -> dict[str, Any]:
        (row,) = self._rows(_STARTS.where(run.c.id == key))
        return self._stone("run", key, row["uid"], tombstones.remains("run", row, row["committed"] or b""))

    def _ends(self, found: Any) -> Iterator[dict[str, Any]]:
        for row in self._rows(_ENDS.where(run.c.id == found.id)):
            yield self._stone("end", row["id"], found.uid, tombstones.remains("end", row, row["committed"] or b""))

    def _reviews(self, found: Any, indices: Sequence[int]) -> Iterator[dict[str, Any]]:
        for row in self._rows(_REVIEWS.where(run.c.id == found.id, review.c.idx.in_(indices))):
            leaf = tombstones.remains("review", row, row["committed"] or b"")
            yield self._stone("review", row["id"], f"{found.uid}/{row['idx']}", leaf)

    def _rows(self, query: Select[Any]) -> list[dict[str, Any]]:
        return [row._asdict() for row in self._connection.execute(query)]

    def _scores(self, key: int, *which: ColumnElement[bool]) -> Sequence[Any]:
        query = tombstones.with_tombstone(select(score).where(score.c.run_id == key, *which), "score", score.c.id)
        return [row for row in self._connection.execute(query) if row.stone is None]


_ACTOR, _COMMITTED = actor.c.subject.label("actor"), queries.DIGEST.label("committed")
_STARTS = select(run, environment.c.digest.label("environment"), _ACTOR, _COMMITTED).select_from(
    run.join(environment)
    .outerjoin(actor, actor.c.id == run.c.actor_id)
    .outerjoin(log_entry, log_entry.c.seq == run.c.seq)
    .outerjoin(outbox, outbox.c.id == -run.c.seq)
)
_ENDS = select(run_end, run.c.uid, _COMMITTED).select_from(
    run_end.join(run, run.c.id == run_end.c.run_id)
    .outerjoin(log_entry, log_entry.c.seq == run_end.c.seq)
    .outerjoin(outbox, outbox.c.id == -run_end.c.seq)
)
_REVIEWS = select(review, run.c.uid, _ACTOR, _COMMITTED).select_from(
    review.join(run, run.c.id == review.c.run_id)
    .join(actor, actor.c.id == review.c.actor_id)
    .outerjoin(log_entry, log_entry.c.seq == review.c.seq)
    .outerjoin(outbox, outbox.c.id == -review.c.seq)
)
_TABLES: Mapping[str, Table] = {"sample": sample, "run": run, "end": run_end, "score": score, "review": review}


def _leaf(row: Any) -> bytes:
    return rows.score_digest(rows.score_from(row))
