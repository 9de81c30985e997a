"""The append-only log: one entry for each thing that is put, and a signed head over all of them.

An entry says what was put, when, and the digest of its content. The entries are the leaves of one Merkle tree, whose
right edge is kept beside them, so that appending costs log n hashes and is part of the writer's own transaction. With
the edge is the head, signed by the key of the store. Heads are also kept for good, at most one a second.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, final

from sqlalchemy import Connection, insert

from genwright.errors import StoreError
from genwright_storage import merkle
from genwright_storage.encoding import entry_leaf
from genwright_storage.keys import KeyRing
from genwright_storage.notes import SigningKey, VerifierKey
from genwright_storage.signing import Signer, key_content
from genwright_storage.tables import log_frontier

__all__ = [
    "TILE",
    "Ledger",
    "State",
    "add_tiles",
    "is_to_be_kept",
    "new_origin",
    "split",
    "state",
]

TILE = merkle.TILE

# Given to the driver as they are: they run for every call that writes, and SQLAlchemy takes ten times as long.
_STATE = "SELECT size, hashes, note FROM log_frontier"
_ENTRY = "INSERT INTO log_entry (seq, kind, ref, digest, created_ns, leaf) VALUES (?, ?, ?, ?, ?, ?)"
_MOVE = "UPDATE log_frontier SET size = ?, hashes = ?, note = ?"
_LAST_KEPT = "SELECT created_ns FROM note ORDER BY size DESC LIMIT 1"
_TILE = "INSERT INTO log_tile (level, idx, hashes, root) VALUES (?, ?, ?, ?)"
_KEEP = "INSERT OR IGNORE INTO note (size, root, body, created_ns) VALUES (?, ?, ?, ?)"

_SECOND = 1_000_000_000


@final
@dataclass(frozen=True, kw_only=True)
class State:
    """Where the ledger ends: the right edge of its tree, and the signed head over it; None before the first."""

    edge: merkle.Frontier
    note: str | None

    @cached_property
    def origin(self) -> str | None:
        """The name of the log, as its head says."""
        return None if self.note is None else self.note.partition("\n")[0]


def state(connection: Connection) -> State:
    """Return where the ledger ends. Raises StoreError if that is gone or damaged."""
    return _state(connection.exec_driver_sql(_STATE).first())


def _state(row: Any) -> State:
    size, hashes, note = row or (-1, b"", None)
    if size < 0 or len(hashes) != 32 * size.bit_count():
        raise StoreError(
            "the ledger keeps the right edge of its tree in one row; that is gone or damaged. "
            "Restore a backup, or name all that is wrong with: genwright audit verify."
        )
    return State(edge=merkle.Frontier(size, split(hashes)), note=note)


@final
class Ledger:
    """Appends entries, and signs each new head with the store's key, which is made with the store.

    The caller's transaction holds the store for writing.
    """

    def __init__(self, ring: KeyRing) -> None:
        self.ring, self.has_begun = ring, False
        self._signer = Signer(ring)

    def begin(self, connection: Connection, origin: str) -> None:
        """Start the ledger of a new store, with its key as the first entry."""
        self.has_begun = True
        connection.execute(insert(log_frontier).values(id=1, size=0, hashes=b""))
        self.first_key(connection, origin, "the first key of this store")

    def first_key(self, connection: Connection, origin: str, reason: str) -> None:
        """Make the key of a ledger that has none. Raises StoreError if the origin has one on this machine."""
        self._add_key(connection, self.ring.create(origin), reason, proof=None)

    def rotate(self, connection: Connection, reason: str) -> VerifierKey:
        """Let a new key sign from now on, and return it. The key so far signs it, where it is on this machine.

        Without that signature, heads of the new key are trusted by those alone who are told of it. When this is
        committed, the ring has to promote the key.
        """
        raw: Any = connection.connection.driver_connection
        new, proof = self._signer.next_key(raw, state(connection), reason)
        self._add_key(connection, new, reason, proof=proof)
        return new.verifier

    def append(self, connection: Connection, kind: str, ref: str, content: bytes) -> int:
        """Add an entry and return its number.

        kind:    "samples", "run", "end", "checkpoint", "scores", or what other parts of the store add
        ref:     the id of what was put
        content: the digest of what was put

        Raises KeyMissing if the key of the store is not on this machine.
        """
        return self.append_to(connection.connection.driver_connection, kind, ref, content)

    def append_to(self, raw: Any, kind: str, ref: str, content: bytes) -> int:
        """Add an entry over a connection of the driver, as `append` does."""
        end = _state(raw.execute(_STATE).fetchone())
        return self._append(raw, end, self._signer.key(raw, end), kind, ref, content)

    def _append(self, raw: Any, end: State, key: SigningKey, kind: str, ref: str, content: bytes) -> int:
        self._signer.check(raw, end)
        edge, now = end.edge, time.time_ns()
        seq, leaf = edge.size, entry_leaf(kind, ref, content, now)
        raw.execute(_ENTRY, (seq, kind, ref, content, now, leaf))
        edge.append(leaf)
        note = self._signer.sign(key, edge)
        raw.execute(_MOVE, (edge.size, b"".join(edge.hashes), note))
        if is_to_be_kept(raw, now):
            raw.execute(_KEEP, (edge.size, edge.root, note, now))
        if edge.size % TILE == 0:
            add_tiles(raw, edge.size // TILE - 1)
        return seq

    def _add_key(self, connection: Connection, key: SigningKey, reason: str, *, proof: bytes | None) -> None:
        verifier, end = str(key.verifier), state(connection)
        raw: Any = connection.connection.driver_connection
        seq = self._append(raw, end, key, "key", verifier, key_content(verifier, reason, proof))
        self._signer.add_key(connection, key, reason, proof=proof, seq=seq)


def is_to_be_kept(raw: Any, now: int) -> bool:
    """Whether a head of now is kept for good: not if one was within the last second."""
    last = raw.execute(_LAST_KEPT).fetchone()
    return last is None or not last[0] <= now < last[0] + _SECOND


def new_origin() -> str:
    """Return a name for a log that no other has."""
    return f"genwright/{secrets.token_hex(8)}"


def split(hashes: bytes) -> list[bytes]:
    """Return the hashes that were written one after another."""
    return [hashes[i : i + 32] for i in range(0, len(hashes), 32)]


def add_tiles(raw: Any, index: int) -> None:
    """Add the tile of leaves that just became full, and each tile above that became full with it.

    raw: a connection of the driver
    """
    leaves = raw.execute("SELECT leaf FROM log_entry WHERE seq >= ? ORDER BY seq LIMIT ?", (index * TILE, TILE))
    hashes: Sequence[bytes] = [leaf for (leaf,) in leaves]
    level = 0
    while True:
        raw.execute(_TILE, (level, index, b"".join(hashes), merkle.root(hashes)))
        if (index + 1) % TILE:
            return
        below = "SELECT root, hashes FROM log_tile WHERE level = ? AND idx > ? ORDER BY idx"
        rows = raw.execute(below, (level, index - TILE))
        hashes = [root or merkle.root(split(tile)) for root, tile in rows]
        level, index = level + 1, index // TILE
