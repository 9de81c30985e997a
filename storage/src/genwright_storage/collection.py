"""Collects the files that no row names: what was left behind by writers that died, or by payloads that were erased."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from sqlalchemy import Connection, select

from genwright_storage.blobs import Found
from genwright_storage.errors import translated
from genwright_storage.tables import sample

if TYPE_CHECKING:
    from genwright_storage.store import SQLStore

__all__ = ["GRACE", "collect", "orphans"]

# A writer puts its files before its rows. No transaction is open for as long as this.
GRACE = 3600.0
_AT_ONCE = 500


def orphans(store: SQLStore, *, grace: float = GRACE) -> Iterator[Found]:
    """Yield the files beside a store that no row names and that no writer can still be about to name.

    grace: seconds for which a file is let be, since its row may not be written yet
    """
    store.database.require("viewer")
    old = (file for file in store.blobs.found() if file.age >= grace)
    while some := list(islice(old, _AT_ONCE)):
        with store.database.reading() as connection:
            unnamed = _unnamed(connection, some)
        yield from unnamed


def collect(store: SQLStore, *, grace: float = GRACE) -> Iterator[Found]:
    """Remove the files that `orphans` yields, and yield those that are still none of a row's when nobody writes.

    A writer looks for its files again in the transaction of its rows, so that it misses none that goes here.
    """
    store.database.require("admin")
    old = orphans(store, grace=grace)
    while some := list(islice(old, _AT_ONCE)):
        with translated(store.url), store.database.erasing() as connection:
            gone = [file for file in _unnamed(connection, some) if store.blobs.age(file.name) >= grace]
            for file in gone:
                store.blobs.remove(file.name)
        yield from gone


def _unnamed(connection: Connection, files: Sequence[Found]) -> list[Found]:
    digests = [file.digest for file in files if file.digest is not None]
    named = select(sample.c.digest).where(sample.c.payload.is_(None), sample.c.digest.in_(digests))
    stored = set(connection.execute(named).scalars())
    return [file for file in files if file.digest is None or file.digest not in stored]
