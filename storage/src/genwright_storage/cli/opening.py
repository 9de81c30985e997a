"""Opens the store that a command names, for commands that only a store in SQL can serve."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from genwright.cli.store import opened
from genwright.errors import StoreError, UsageError
from genwright.folders import store_file, store_url
from genwright_storage.store import SQLStore

__all__ = ["opened_sql"]


@contextmanager
def opened_sql(where: str | None, *, writing: bool = False, indexing: bool = False) -> Iterator[SQLStore]:
    """Open the store at a URL, or the default store, and close it at the end.

    Raises UsageError unless it is in SQL, StoreError if it is not there: a hold in a store that was made by a slip of
    the pen would protect nothing.
    """
    url = store_url() if where is None else where
    if writing and url.startswith("sqlite:") and not store_file(url)[0].exists():
        raise StoreError(
            f"{url} should be a store that is there; there is no such file. Name another with --store, or make it: "
            "genwright store init."
        )
    with opened(url, writing=writing, indexing=indexing) as store:
        if not isinstance(store, SQLStore):
            raise UsageError(f"this command needs a store in SQL; got {store.url}. Name another with --store.")
        yield store
