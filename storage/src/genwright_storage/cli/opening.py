"""Opens the store that a command names, for commands that only a store in SQL can serve."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from genwright.cli.store import opened
from genwright.errors import UsageError
from genwright_storage.store import SQLStore

__all__ = ["opened_sql"]


@contextmanager
def opened_sql(where: str | None, *, writing: bool = False, indexing: bool = False) -> Iterator[SQLStore]:
    """Open the store at a URL, or the default store, and close it at the end. Raises UsageError unless it is in SQL."""
    with opened(where, writing=writing, indexing=indexing) as store:
        if not isinstance(store, SQLStore):
            raise UsageError(f"this command needs a store in SQL; got {store.url}. Name another with --store.")
        yield store
