"""What is asked of the tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    bindparam,
    case,
    false,
    func,
    insert,
    literal,
    or_,
    select,
)

from genwright.errors import UnknownName
from genwright.query import is_findable
from genwright.store import TEXTUAL, StoredCheckpoint, chosen, split_id
from genwright_storage.functions import contains
from genwright_storage.rows import SampleRow, checkpoint_from
from genwright_storage.tables import (
    actor,
    batch,
    checkpoint,
    checkpoint_file,
    environment,
    log_entry,
    outbox,
    run,
    run_end,
    sample,
    score,
    tombstone,
)

__all__ = [
    "DIGEST",
    "INSERT_BATCH",
    "INSERT_SAMPLES",
    "KIND",
    "PAGE",
    "RUNS",
    "SAMPLES",
    "absent",
    "checkpoint_of",
    "checkpoint_row",
    "counts",
    "filters",
    "gaps",
    "is_plain",
    "rank",
    "run_key",
    "run_row",
    "runs_with",
    "same_rows",
    "sample_at",
    "sample_row",
    "with_entry",
]

PAGE = 1000

# Of the entry in the ledger, or of that which still waits in the outbox.
DIGEST, KIND = func.coalesce(log_entry.c.digest, outbox.c.digest), func.coalesce(log_entry.c.kind, outbox.c.kind)

_ends = run_end.alias()


def rank(seq: ColumnElement[int]) -> ColumnElement[int]:
    """Return what rows are in the order of the ledger by; those whose entries still wait come last, as they wait."""
    return case((seq < 0, literal(1 << 62) - seq), else_=seq)


# The order of the ledger is evidence; which key a row has in the database is none.
_last_end = (
    select(_ends.c.id)
    .where(_ends.c.run_id == run.c.id)
    .correlate(run)
    .order_by(rank(_ends.c.seq).desc())
    .limit(1)
    .scalar_subquery()
)

RUNS: Select[Any] = (
    select(
        run,
        environment.c.body,
        environment.c.digest.label("environment"),
        *(run_end.c.state, run_end.c.error, run_end.c.notes, run_end.c.finished_ns),
        actor.c.subject.label("actor"),
        tombstone.c.reason.label("erased"),
    )
    .join(environment, environment.c.id == run.c.environment_id)
    .outerjoin(run_end, run_end.c.id == _last_end)
    .outerjoin(actor, actor.c.id == run.c.actor_id)
    .outerjoin(tombstone, and_(tombstone.c.kind == "run", tombstone.c.target == run.c.id))
)
"""Runs with their environment, their last end, who started them, and why they were erased if they were."""

SAMPLES: Select[Any] = (
    select(
        *(run.c.uid, sample.c.idx, sample.c.seed, sample.c.media_type, sample.c.flaw, sample.c.canonical),
        *(sample.c.identity, sample.c.reviews, sample.c.parameters, sample.c.prompt, sample.c.payload, sample.c.digest),
    )
    .join(run, run.c.id == sample.c.run_id)
    .where(sample.c.erased_seq.is_(None))
)
"""Samples that were not erased, with the columns in the order of `rows.record_from`, then payload and digest."""

INSERT_BATCH = insert(batch).returning(batch.c.id)

INSERT_SAMPLES = "INSERT INTO sample (run_id, batch_id, {}) VALUES (?, ?{})".format(
    ", ".join(SampleRow._fields), ", ?" * len(SampleRow._fields)
)
"""Given to the driver as it is: the compiled statement of SQLAlchemy takes twice the time a row."""


# Built once: building a statement takes as long as running it, and these run for every batch.
_RUN_KEY = select(run.c.id, run.c.salt).where(run.c.uid == bindparam("uid"))
_PLACE = select(sample.c.id, sample.c.idx, sample.c.leaf).where(
    sample.c.run_id == bindparam("key"), sample.c.idx == bindparam("index")
)
_STORED = (
    select(sample.c.idx, sample.c.salt, sample.c.leaf, batch.c.version, sample.c.erased_seq)
    .join(batch, batch.c.id == sample.c.batch_id)
    .where(sample.c.run_id == bindparam("run_id"))
)
_ANY_STORED = _STORED.where(sample.c.idx.between(bindparam("first"), bindparam("last"))).limit(1)
_THESE_STORED = _STORED.where(sample.c.idx.in_(bindparam("indices", expanding=True)))


def run_row(connection: Connection, id: str) -> Any:
    """Return the row of the run that an id, a prefix of one or "LAST" stands for. Raises UnknownName."""
    newest = RUNS.order_by(run.c.id.desc())
    if id == "LAST":
        generating = connection.execute(newest.where(run.c.kind == "generate").limit(1)).first()
        return generating or connection.execute(newest.limit(1)).first() or chosen("run", id, [])
    rows = connection.execute(newest.where(_prefixed(run.c.uid, id)).limit(5)).all()
    known = () if rows else connection.execute(newest.limit(5)).all()
    uid = chosen("run", id, [row.uid for row in rows], [row.uid for row in known])
    return next(row for row in rows if row.uid == uid)


def checkpoint_row(connection: Connection, digest: str) -> Any:
    """Return the row of the checkpoint that a digest or a prefix of one stands for. Raises UnknownName."""
    rows = connection.execute(select(checkpoint).where(_prefixed(checkpoint.c.digest, digest)).limit(5)).all()
    known = () if rows else connection.execute(select(checkpoint).order_by(checkpoint.c.id.desc()).limit(5)).all()
    found = chosen("checkpoint", digest, [row.digest for row in rows], [row.digest for row in known])
    return next(row for row in rows if row.digest == found)


def checkpoint_of(connection: Connection, row: Any) -> StoredCheckpoint:
    """Return the checkpoint of a row, with its files."""
    files = select(checkpoint_file).where(checkpoint_file.c.checkpoint_id == row.id)
    return checkpoint_from(row, connection.execute(files).all())


def run_key(connection: Connection, uid: str) -> tuple[int, bool]:
    """Return the key of the run with this id, and whether it was erased. Raises UnknownName if it was not put."""
    row = connection.execute(_RUN_KEY, {"uid": uid}).first()
    if row is None:
        raise UnknownName("run", uid, [], "Put the run before its samples.")
    return row.id, not row.salt


def sample_row(connection: Connection, run_id: int, index: int) -> Any | None:
    """Return the row of `SAMPLES` of a sample, or None."""
    return connection.execute(SAMPLES.where(sample.c.run_id == run_id, sample.c.idx == index)).first()


def sample_at(connection: Connection, id: str, query: Select[Any] | None = None) -> tuple[Any, Any]:
    """Return the rows of the run and of the sample that an id, "run/index", stands for, be the sample erased.

    query: what is asked of it, of its run's `key` and its `index`; None for its id, idx and leaf

    Raises UnknownName.
    """
    prefix, index = split_id(id)
    found = run_row(connection, prefix)
    row = connection.execute(_PLACE if query is None else query, {"key": found.id, "index": index}).first()
    if row is None:
        raise UnknownName("sample", id, [], f"List them with: genwright samples list --run {prefix}.")
    return found, row


def with_entry(query: Select[Any], seq: Any) -> Select[Any]:
    """Add the digest and kind of an entry to a query, be it in the ledger or waiting, in the order of the ledger."""
    query = query.add_columns(DIGEST.label("entry_digest"), KIND.label("entry_kind"))
    return query.outerjoin(log_entry, log_entry.c.seq == seq).outerjoin(outbox, outbox.c.id == -seq).order_by(seq)


def _prefixed(column: ColumnElement[str], prefix: str) -> ColumnElement[bool]:
    """Whether a column begins with a prefix, in the form that an index serves."""
    return and_(column >= prefix, column < prefix + "\U0010ffff") if is_plain(prefix) else false()


def is_plain(*texts: str | None) -> bool:
    """Whether texts can be in a column of text, which NUL is not; payloads may have it."""
    return is_findable(*texts) and not any("\0" in text for text in texts if text is not None)


def filters(*, text: str | None, identity: str | None, valid: bool | None) -> list[ColumnElement[bool]]:
    """Return the conditions on samples that `Store.samples` takes."""
    if not is_findable(text) or not is_plain(identity):
        return [false()]
    conditions: list[ColumnElement[bool]] = []
    if identity is not None:
        conditions.append(sample.c.identity == identity)
    if valid is not None:
        conditions.append(sample.c.flaw.is_(None) if valid else sample.c.flaw.is_not(None))
    if text is not None:
        is_text = or_(*(sample.c.media_type.startswith(kind) for kind in TEXTUAL))
        in_payload = and_(is_text, contains(sample.c.payload, text.encode()))
        in_canonical = contains(sample.c.canonical, text) if is_plain(text) else false()
        conditions.append(or_(in_canonical, in_payload))
    return conditions


def runs_with(connection: Connection, *, key: int | None, domain: str | None, identity: str | None) -> Sequence[int]:
    """Return the keys of the runs to look for samples in, newest first: those that fit each of these that is given."""
    if not is_plain(domain, identity):
        return []
    wanted = select(run.c.id)
    if key is not None:
        wanted = wanted.where(run.c.id == key)
    if domain is not None:
        wanted = wanted.where(run.c.domain == domain)
    if identity is not None:
        wanted = wanted.where(run.c.id.in_(select(sample.c.run_id).where(sample.c.identity == identity)))
    return connection.execute(wanted.order_by(run.c.id.desc())).scalars().all()


def same_rows(connection: Connection, run_id: int, indices: Sequence[int]) -> Iterator[Any]:
    """Yield idx, salt, leaf, its version and erased_seq of those indices, ascending, that are stored already."""
    span = {"run_id": run_id, "first": indices[0], "last": indices[-1]}
    if connection.execute(_ANY_STORED, span).first() is None:
        return
    for start in range(0, len(indices), 500):
        yield from connection.execute(_THESE_STORED, {"run_id": run_id, "indices": indices[start : start + 500]})


def absent(connection: Connection, run_id: int, indices: Sequence[int]) -> Iterator[int]:
    """Yield those of some indices that have no sample, or one that was erased."""
    for start in range(0, len(indices), 500):
        part = indices[start : start + 500]
        living = sample.c.run_id == run_id, sample.c.erased_seq.is_(None)
        there = select(sample.c.idx).where(*living, sample.c.idx.in_(part))
        present = set(connection.execute(there).scalars())
        yield from (index for index in part if index not in present)


def gaps(connection: Connection, run_id: int, start: int, planned: int) -> tuple[list[int], int]:
    """Return indices from `start` on without a sample, and where to go on: one page, so that memory stays the same."""
    page = select(sample.c.idx).where(sample.c.run_id == run_id, sample.c.idx >= start, sample.c.idx < planned)
    found = connection.execute(page.order_by(sample.c.idx).limit(PAGE)).scalars().all()
    # A page that is not full is the last, and all after it is missing up to a page's worth.
    end = found[-1] + 1 if len(found) == PAGE else min(planned, start + PAGE * PAGE)
    present = set(found)
    return [index for index in range(start, end) if index not in present], end


def counts(connection: Connection) -> dict[str, int]:
    """Return how many rows there are."""
    named = {"runs": run, "samples": sample, "batches": batch, "checkpoints": checkpoint, "scores": score}
    found = {
        name: connection.execute(select(func.count()).select_from(table)).scalar_one() for name, table in named.items()
    }
    gone = select(tombstone.c.kind, func.count().label("number")).group_by(tombstone.c.kind)
    erased = {row.kind: row.number for row in connection.execute(gone)}
    found |= {f"{kind}s": found[f"{kind}s"] - erased.get(kind, 0) for kind in ("sample", "score")}
    return found | {"erased": erased.get("sample", 0)}
