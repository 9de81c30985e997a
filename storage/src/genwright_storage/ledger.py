"""The append-only log: one entry for each batch of samples, run, end of a run, checkpoint and set of scores.

An entry says what was put, when, and the digest of its content. The entries are the leaves of one Merkle tree, whose
right edge is kept beside them, so that appending costs log n hashes and is part of the writer's own transaction.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from sqlalchemy import Connection, insert, select, update

from genwright.errors import StoreError
from genwright_storage import merkle
from genwright_storage.encoding import entry_leaf
from genwright_storage.tables import log_entry, log_frontier, log_tile

__all__ = ["TILE", "append", "frontier", "split", "start"]

_FRONTIER = select(log_frontier.c.size, log_frontier.c.hashes)
_INSERT, _MOVE = insert(log_entry), update(log_frontier)

TILE = merkle.TILE


def start(connection: Connection) -> None:
    """Begin the ledger of a new store."""
    connection.execute(insert(log_frontier).values(id=1, size=0, hashes=b""))


def append(connection: Connection, kind: str, ref: str, content: bytes) -> int:
    """Add an entry and return its number. The caller's transaction holds the store for writing.

    kind:    "samples", "run", "end", "checkpoint" or "scores"
    ref:     the id of what was put
    content: the digest of what was put
    """
    edge, now = frontier(connection), time.time_ns()
    seq, leaf = edge.size, entry_leaf(kind, ref, content, now)
    entry = {"seq": seq, "kind": kind, "ref": ref, "digest": content, "created_ns": now, "leaf": leaf}
    connection.execute(_INSERT, entry)
    edge.append(leaf)
    connection.execute(_MOVE, {"size": edge.size, "hashes": b"".join(edge.hashes)})
    if edge.size % TILE == 0:
        _add_tiles(connection, edge.size // TILE - 1)
    return seq


def frontier(connection: Connection) -> merkle.Frontier:
    """Return the right edge of the tree, which knows its size and root. Raises StoreError if it is gone or damaged."""
    size, hashes = connection.execute(_FRONTIER).first() or (-1, b"")
    if size < 0 or len(hashes) != 32 * size.bit_count():
        raise StoreError(
            "the ledger keeps the right edge of its tree in one row; that is gone or damaged. "
            "Restore a backup, or name all that is wrong with: genwright audit verify."
        )
    return merkle.Frontier(size, split(hashes))


def split(hashes: bytes) -> list[bytes]:
    """Return the hashes that were written one after another."""
    return [hashes[i : i + 32] for i in range(0, len(hashes), 32)]


def _add_tiles(connection: Connection, index: int) -> None:
    """Add the tile of leaves that just became full, and each tile above that became full with it."""
    first = index * TILE
    leaves = select(log_entry.c.leaf).where(log_entry.c.seq >= first).order_by(log_entry.c.seq).limit(TILE)
    hashes: Sequence[bytes] = connection.execute(leaves).scalars().all()
    level = 0
    while True:
        values = {"level": level, "idx": index, "hashes": b"".join(hashes)}
        connection.execute(insert(log_tile), values)
        if (index + 1) % TILE:
            return
        below = select(log_tile.c.hashes).where(log_tile.c.level == level, log_tile.c.idx > index - TILE)
        rows = connection.execute(below.order_by(log_tile.c.idx)).scalars()
        hashes = [merkle.root(split(tile)) for tile in rows]
        level, index = level + 1, index // TILE
