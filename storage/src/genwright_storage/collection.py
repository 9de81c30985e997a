"""Collects the files that no row names: what was left behind by writers that died, or by payloads that were erased."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING

from sqlalchemy import Connection, select

from genwright_storage.blobs import Found
from genwright_storage.tables import sample

if TYPE_CHECKING:
    from genwright_storage.store import SQLStore

__all__ = ["GRACE", "orphans"]

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
            named = _named(connection, [file.digest for file in some if file.digest is not None])
        yield from (file for file in some if file.digest is None or file.digest not in named)


def _named(connection: Connection, digests: Iterable[bytes]) -> set[bytes]:
    found = select(sample.c.digest).where(sample.c.payload.is_(None), sample.c.digest.in_(list(digests)))
    return set(connection.execute(found).scalars())
