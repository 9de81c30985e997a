"""The ledger of a store in PostgreSQL: writers leave entries in an outbox, and one process at a time numbers them.

Writers share no lock. What is committed with an entry in the outbox is sequenced later by whichever process holds the
lock of the sequencer, in one transaction: entries in the order of the outbox, tiles, the edge of the tree, the signed
head, and the numbers of the rows. The edge carries a fence that grows with each such transaction and is compared when
it is moved, so that of two that might believe to be the sequencer only one can commit.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple, final

from sqlalchemy import Column, Connection, insert

from genwright.errors import StoreError
from genwright_storage.encoding import entry_leaf
from genwright_storage.keys import KeyRing
from genwright_storage.kinds import LOGGED
from genwright_storage.ledger import TILE, State, add_tiles, is_to_be_kept, state
from genwright_storage.notes import SigningKey, VerifierKey
from genwright_storage.signing import Signer, key_content
from genwright_storage.tables import log_frontier

__all__ = ["LOCK", "MOST", "Sequencer"]

LOCK = 0x476E7772
"""Of PostgreSQL's advisory locks, that of who sequences; it goes with the transaction."""

MOST = 5000
"""Entries that are taken from the outbox at a time."""

_PUT = "INSERT INTO outbox (kind, ref, digest, created_ns) VALUES (%s, %s, %s, %s) RETURNING id"
_TAKE = """
DELETE FROM outbox WHERE id IN (SELECT id FROM outbox ORDER BY id LIMIT %s)
RETURNING id, kind, ref, digest, created_ns
"""
_FENCE = "SELECT coalesce(fence, 0) FROM log_frontier"
_ENTRIES = """
INSERT INTO log_entry (seq, kind, ref, digest, created_ns, leaf)
SELECT * FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::bytea[], %s::bigint[], %s::bytea[])
"""
_MOVE = """
UPDATE log_frontier SET size = %s, hashes = %s, note = %s, fence = %s WHERE size = %s AND coalesce(fence, 0) = %s
"""
_KEEP = """
INSERT INTO note (size, root, body, fence, created_ns) VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
"""
_NUMBER = """
UPDATE {table} SET {column} = numbered.seq FROM unnest(%s::bigint[], %s::bigint[]) AS numbered (pending, seq)
WHERE {table}.{column} = numbered.pending
"""


class _Entry(NamedTuple):
    """An entry that waits; `id` is None for one that never lay in the outbox."""

    id: int | None
    kind: str
    ref: str
    digest: bytes
    created_ns: int


@final
class Sequencer:
    """Puts entries in the outbox, and takes them from there into the ledger.

    stall: after so many milliseconds without a sign of a sequencer the server ends its transaction, for others to go on
    """

    def __init__(self, ring: KeyRing, *, stall: int = 10_000) -> None:
        self.ring, self.has_begun = ring, False
        self.stall = stall
        self._signer = Signer(ring)

    def begin(self, connection: Connection, origin: str) -> None:
        """Start the ledger of a new store, with its key as the first entry."""
        self.has_begun = True
        connection.execute(insert(log_frontier).values(id=1, size=0, hashes=b"", fence=0))
        self._add_key(connection, self.ring.create(origin), "the first key of this store", proof=None)

    def append(self, connection: Connection, kind: str, ref: str, content: bytes) -> int:
        """Put an entry in the outbox, and return minus the number of its row."""
        raw = connection.connection.driver_connection
        assert raw is not None
        ((id,),) = raw.execute(_PUT, (kind, ref, content, time.time_ns()))
        return -int(id)

    def rotate(self, connection: Connection, reason: str) -> VerifierKey:
        """Let a new key sign from now on, and return it. The key so far signs it, where it is on this machine."""
        _wait(connection)
        raw: Any = connection.connection.driver_connection
        new, proof = self._signer.next_key(raw, state(connection), reason)
        self._add_key(connection, new, reason, proof=proof)
        return new.verifier

    def drain(self, connection: Connection, *, patient: bool = False) -> int:
        """Take entries from the outbox into the ledger, and return how many.

        patient: wait for another process that does; else leave the work to it and return 0

        Raises KeyMissing if the key of the store is not on this machine, StoreError if the ledger is damaged.
        """
        raw: Any = connection.connection.driver_connection
        # A process that was stopped in the middle would keep the lock, and all others from going on.
        raw.execute(f"SET LOCAL idle_in_transaction_session_timeout = {int(self.stall)}")
        if patient:
            _wait(connection)
        elif not raw.execute("SELECT pg_try_advisory_xact_lock(%s)", (LOCK,)).fetchone()[0]:
            return 0
        end = state(connection)
        key = self._signer.key(raw, end)
        taken = sorted(map(_Entry._make, raw.execute(_TAKE, (MOST,))))
        if taken:
            numbers = self._append(raw, end, key, taken)
            _number(raw, taken, numbers)
        return len(taken)

    def _append(self, raw: Any, end: State, key: SigningKey, entries: Sequence[_Entry]) -> list[int]:
        """Add entries to the ledger, sign the head over them, and return their numbers."""
        ((fence,),) = raw.execute(_FENCE)
        self._signer.check(raw, end)
        edge, size, now = end.edge, end.edge.size, time.time_ns()
        numbers = list(range(size, size + len(entries)))
        leaves = [entry_leaf(entry.kind, entry.ref, entry.digest, entry.created_ns) for entry in entries]
        columns = [list(column) for column in list(zip(*entries, strict=True))[1:]]
        raw.execute(_ENTRIES, (numbers, *columns, leaves))
        for leaf in leaves:
            edge.append(leaf)
        note = self._signer.sign(key, edge)
        moved = raw.execute(_MOVE, (edge.size, b"".join(edge.hashes), note, fence + 1, size, fence))
        if moved.rowcount != 1:
            raise StoreError("the ledger was moved on by another process while this one did. Repeat; nothing is lost.")
        for index in range(size // TILE, edge.size // TILE):
            add_tiles(_Marked(raw), index)
        if is_to_be_kept(raw, now):
            raw.execute(_KEEP, (edge.size, edge.root, note, fence + 1, now))
        return numbers

    def _add_key(self, connection: Connection, key: SigningKey, reason: str, *, proof: bytes | None) -> None:
        verifier, end = str(key.verifier), state(connection)
        raw: Any = connection.connection.driver_connection
        content = key_content(verifier, reason, proof)
        (seq,) = self._append(raw, end, key, [_Entry(None, "key", verifier, content, time.time_ns())])
        self._signer.add_key(connection, key, reason, proof=proof, seq=seq)


@final
class _Marked:
    """A connection of psycopg that takes statements with the marks of sqlite3."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw

    def execute(self, statement: str, values: Sequence[Any]) -> Any:
        return self._raw.execute(statement.replace("?", "%s"), values)


def _wait(connection: Connection) -> None:
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK})")


def _number(raw: Any, entries: Sequence[_Entry], numbers: Sequence[int]) -> None:
    """Give the rows that wait for them the numbers of their entries."""
    found: dict[Column[Any], list[tuple[int, int]]] = defaultdict(list)
    for entry, number in zip(entries, numbers, strict=True):
        assert entry.id is not None
        for column in _columns(entry.kind):
            found[column].append((-entry.id, number))
    for column, pairs in found.items():
        statement = _NUMBER.format(table=column.table.name, column=column.name)
        raw.execute(statement, tuple(map(list, zip(*pairs, strict=True))))


def _columns(kind: str) -> Sequence[Column[Any]]:
    """Return where rows may have the number of an entry; of a kind that is not known here, all such places."""
    return (LOGGED[kind],) if kind in LOGGED else [*dict.fromkeys(LOGGED.values())]
