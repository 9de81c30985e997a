"""`genwright store index`: bring the index of a store up to date."""

from __future__ import annotations

import click
from tqdm import tqdm

from genwright.cli.output import say
from genwright.cli.store import opened, store_option
from genwright.errors import StoreError
from genwright_storage.search.index import Index
from genwright_storage.store import SQLStore

__all__ = ["index"]


@click.command()
@click.option("--rebuild", is_flag=True, help="Make the index anew.")
@store_option
def index(rebuild: bool, where: str | None) -> None:
    """Index what was recorded since the last time, so that the next search need not.

    The fingerprints of molecules and images are computed too, if their plugins are installed.
    """
    with opened(where, indexing=True) as store:
        if not isinstance(store, SQLStore):
            raise StoreError(f"an index is made of a store in SQL; {store.url} is none. It is searched without one.")
        # None: only on a terminal.
        with tqdm(unit=" rows", unit_scale=True, disable=None) as bar:
            made = Index(store.database, store.blobs, progress=lambda done: bar.update(done - bar.n))
            if rebuild:
                made.clear()
            made.catch_up_all()
        say(f"Indexed {store.url}: {made.count:,} rows were new to the index.")
