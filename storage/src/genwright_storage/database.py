"""What the store asks of a database, and which one a URL names.

All that one database does otherwise than another lies behind `Database`, or in `functions`, whose constructs SQLAlchemy
writes for each; the store itself and its queries know no difference.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Column, Connection, Select

from genwright_storage.keys import KeyRing
from genwright_storage.notes import VerifierKey
from genwright_storage.roles import Role
from genwright_storage.rows import SampleRow

__all__ = ["Database", "Log", "Reading", "database_at"]

Reading = Callable[[], AbstractContextManager[Connection]]
"""Gives a connection that reads."""


class Log(Protocol):
    """What adds to the ledger."""

    ring: KeyRing
    has_begun: bool

    def append(self, connection: Connection, kind: str, ref: str, content: bytes) -> int:
        """Add an entry, and return what the row that it is of keeps as `seq`.

        kind:    "samples", "run", "end", "checkpoint", "scores", or what later parts of the store add
        ref:     the id of what was put
        content: the digest of what was put
        result:  the number of the entry; below 0 it is minus that of the row of the outbox where it waits for one

        Raises KeyMissing if it must be signed at once, and the key of the store is not on this machine.
        """

    def rotate(self, connection: Connection, reason: str) -> VerifierKey:
        """Let a new key sign from now on, and return it. The key so far signs it, where it is on this machine."""


class Database(Protocol):
    """A database that is a Genwright store.

    url:          without a password
    is_writable:  whether it may be written, as far as can be told before it is
    blobs:        the folder for large payloads; None if they lie in their rows
    place:        what the machine knows the store by, whatever options its URL has
    has_outbox:   whether entries wait in one before they are in the ledger
    elsewhere:    the URL by which other processes verify a share of it; None where that takes one connection's snapshot
    """

    url: str
    place: str
    has_outbox: bool
    elsewhere: str | None
    is_writable: bool
    blobs: Path | None

    @property
    def ledger(self) -> Log:
        """What adds to its ledger."""

    def require(self, role: Role) -> None:
        """Raise Forbidden if whoever acts has no role that serves."""

    def seeing(self) -> AbstractContextManager[Connection]:
        """Give a connection that reads what is committed, whoever acts: for what the store does of itself."""

    def reading(self) -> AbstractContextManager[Connection]:
        """Give a connection that reads what is committed. Raises Forbidden for who has no role."""

    def writing(self, role: Role | None = "admin") -> AbstractContextManager[Connection]:
        """Give a connection that writes; all or nothing is written, durably, when it ends.

        role: that whoever acts must have; None for what the store does of itself

        Raises Forbidden if they do not have it.
        """

    def indexing(self) -> AbstractContextManager[Connection]:
        """Give a connection as `writing` does, whoever acts, while no other indexes or erases."""

    def erasing(self, role: Role | None = "admin") -> AbstractContextManager[Connection]:
        """Give a connection as `writing` does, while nobody else writes; what is removed on it is overwritten."""

    def rewrite(self) -> bool:
        """Leave no trace of what was removed; whether that is done, or somebody who reads kept it from it."""

    def copies(self) -> Sequence[Path]:
        """Return what was copied before it was changed, and still holds all of it."""

    def snapshot(self) -> AbstractContextManager[Reading]:
        """Give what reads the store from its beginning to its end."""

    def insert_new(self, run: str, rows: Sequence[SampleRow]) -> bool:
        """Insert a batch of samples, durably; return False, with nothing done, if one of them may be stored already.

        run:  its id
        rows: with their payloads

        Raises Forbidden without the role of a generator.
        """

    def insert_samples(self, connection: Connection, run: int, batch: int, rows: Sequence[SampleRow]) -> None:
        """Insert the samples of a batch, in the fastest way that there is.

        run, batch: their keys
        """

    def tuples(self, connection: Connection, statement: Select[Any], values: Mapping[str, Any]) -> list[Any]:
        """Return the rows of a statement as the driver makes them; SQLAlchemy's take a fifth of verifying."""

    def horizon(self, id: Column[int]) -> int:
        """Return the largest key of runs or samples. No row below it comes later, from a write in progress."""

    def settle(self) -> None:
        """Bring what was written so far into the ledger, if it is not there yet and this process may."""

    def facts(self, connection: Connection) -> Mapping[str, Any]:
        """Return what is told of the database: its version, and "bytes"."""

    def close(self) -> None:
        """Let go of it."""


def database_at(url: str, *, patience: float, ring: KeyRing | None = None, origin: str | None = None) -> Database:
    """Return the database at a URL. It is made a store if it is empty.

    patience: seconds to wait for another process that writes
    ring:     where the key is that signs the ledger
    origin:   the name of the ledger, if the store is to be made

    Raises UsageError for a URL that names no database, StoreError for one that cannot serve.
    """
    if url.startswith("postgresql"):
        from genwright_storage.postgresql import PostgreSQLDatabase

        return PostgreSQLDatabase(url, patience=patience, ring=ring, origin=origin)
    from genwright_storage.sqlite import SQLiteDatabase

    return SQLiteDatabase(url, patience=patience, ring=ring, origin=origin)
