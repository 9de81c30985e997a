"""Evidence of single samples: what leads from a sample to the signed head of the ledger, read in O(log n)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, bindparam, select

from genwright.errors import StoreError
from genwright_storage import encoding, merkle, reviews, tombstones
from genwright_storage.ledger import split, state
from genwright_storage.notes import Head, Note
from genwright_storage.proofs import LEAVES, BatchPlace, EntryPlace, Proof, SampleFields
from genwright_storage.tables import batch, log_entry, log_tile, run, sample

if TYPE_CHECKING:
    from genwright_storage.store import SQLStore

__all__ = ["consistency", "place", "prove", "subtrees"]


# Built once: building statements takes longer than what they ask.
_SAMPLE = (
    select(sample, run.c.uid)
    .join(run, run.c.id == sample.c.run_id)
    .where(sample.c.run_id == bindparam("key"), sample.c.idx == bindparam("index"))
)
_BATCH = select(batch).where(batch.c.id == bindparam("key"))
_ENTRY = select(log_entry).where(log_entry.c.seq == bindparam("seq"))
_OF_BATCH = (
    select(sample.c.idx, sample.c.leaf)
    .where(sample.c.run_id == bindparam("run"), sample.c.idx.between(bindparam("first"), bindparam("last")))
    .where(sample.c.batch_id == bindparam("batch"))
    .order_by(sample.c.idx)
)
_TILE = select(log_tile.c.hashes).where(log_tile.c.level == bindparam("level"), log_tile.c.idx == bindparam("index"))
_LEAVES = (
    select(log_entry.c.leaf)
    .where(log_entry.c.seq >= bindparam("first"))
    .order_by(log_entry.c.seq)
    .limit(bindparam("width"))
)
_BELOW = (
    select(log_tile.c.root, log_tile.c.hashes)
    .where(log_tile.c.level == bindparam("level"), log_tile.c.idx >= bindparam("first"))
    .order_by(log_tile.c.idx)
    .limit(bindparam("width"))
)


def prove(store: SQLStore, id: str) -> Proof:
    """Return the proof that a sample is under the head of the ledger.

    id: its run and its index, "run/index"

    Raises UnknownName for a sample that is not there, Erased for one that was erased, StoreError for one whose evidence
    is damaged.
    """
    store.database.settle()
    with store.database.reading() as connection:
        _, row = tombstones.living(connection, id, _SAMPLE, what="a proof of sample")
        return _proof(connection, row)


def place(store: SQLStore, id: str) -> Mapping[str, str | int]:
    """Return where a sample is in the ledger and what reviewers say of it, as plain facts.

    ledger: its name; entry: the number of that of the sample's batch; entries and root: of the head
    """
    proof = prove(store, id)
    head = Head.parse(Note.parse(proof.note).text)
    said = [f"{'accepted' if r.accepted else 'rejected'} by {r.by}: {r.reason}" for r in reviews.of(store, id)]
    return {
        **({"reviewed": "; ".join(said)} if said else {}),
        "ledger": head.origin,
        "leaf": proof.sample.leaf.hex(),
        "batch": f"{proof.entry.ref}, {proof.batch.count} samples, root {proof.batch.root.hex()}",
        "entry": proof.entry.index,
        "entries": head.size,
        "root": head.root.hex(),
    }


def consistency(connection: Connection, old: int) -> list[bytes]:
    """Return the hashes which show that the ledger grew from its first `old` entries."""
    return merkle.consistency_from(subtrees(connection), old, state(connection).edge.size)


def subtrees(connection: Connection) -> merkle.Reader:
    """Return what reads the roots of the ledger's subtrees, from full tiles and, at the edge, from what is below."""

    def tile(level: int, index: int, width: int) -> Sequence[bytes]:
        first = index * merkle.TILE
        if full := connection.execute(_TILE, {"level": level, "index": index}).scalar():
            return split(full)
        if level == 0:
            return connection.execute(_LEAVES, {"first": first, "width": width}).scalars().all()
        rows = connection.execute(_BELOW, {"level": level - 1, "first": first, "width": width})
        return [root or merkle.root(split(hashes)) for root, hashes in rows]

    return merkle.tiles_reader(tile)


def _proof(connection: Connection, row: Any) -> Proof:
    where = f"sample {row.uid}/{row.idx}"
    place = connection.execute(_BATCH, {"key": row.batch_id}).first()
    if place is not None and place.seq is not None and place.seq < 0:
        raise StoreError(
            f"a proof of {where} needs its entry in the ledger; that waits to be numbered by who has the key. "
            "Run there: genwright store sequence."
        )
    entry = connection.execute(_ENTRY, {"seq": place.seq}).first() if place else None
    end = state(connection)
    if place is None or entry is None or end.note is None:
        raise StoreError(
            f"a proof of {where} needs its batch, that batch's entry in the ledger, and a signed head; one is not "
            "there. Name what is wrong with: genwright audit verify."
        )
    outer = merkle.inclusion_from(subtrees(connection), entry.seq, end.edge.size)
    return Proof(
        sample=_fields(row, place.version),
        batch=_batch_place(connection, row, place),
        entry=EntryPlace(
            kind=entry.kind, ref=entry.ref, created_ns=entry.created_ns, index=entry.seq, hashes=tuple(outer)
        ),
        note=end.note,
    )


def _fields(row: Any, version: int) -> SampleFields:
    salt = row.salt or b""
    return SampleFields(
        version=LEAVES[version - 1],
        run=row.uid,
        index=row.idx,
        seed=encoding.unsigned(row.seed),
        media_type=row.media_type,
        payload=row.digest,
        flaw=row.flaw,
        canonical=row.canonical,
        identity=row.identity,
        reviews=row.reviews,
        parameters=encoding.commitment(salt, b"parameters", row.parameters.encode()),
        prompt=encoding.commitment(salt, b"prompt", row.prompt.encode()),
        blind=encoding.blind(salt) if version > 1 else None,
    )


def _batch_place(connection: Connection, row: Any, place: Any) -> BatchPlace:
    span = {"run": row.run_id, "first": place.first_idx, "last": place.last_idx, "batch": row.batch_id}
    found = connection.execute(_OF_BATCH, span).all()
    leaves, position = [leaf for _, leaf in found], [index for index, _ in found].index(row.idx)
    return BatchPlace(
        first=place.first_idx,
        last=place.last_idx,
        count=place.size,
        root=place.root,
        position=position,
        hashes=tuple(merkle.inclusion_proof(leaves, position)),
    )
