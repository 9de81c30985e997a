"""`genwright store index`: bring the index by which samples are found up to date."""

from __future__ import annotations

import click
from tqdm import tqdm

from genwright.cli.output import json_option, tell
from genwright.cli.store import store_option
from genwright_storage.cli.opening import opened_sql
from genwright_storage.search.index import Index

__all__ = ["index"]


@click.command()
@click.option("--rebuild", is_flag=True, help="Make the index anew.")
@store_option
@json_option
def index(rebuild: bool, where: str | None, as_json: bool) -> None:
    """Index what was recorded since the last time, so that the next search need not.

    The fingerprints of molecules and images are computed too, where their plugins are installed.
    """
    # None: only on a terminal.
    with opened_sql(where, indexing=True) as store, tqdm(unit=" rows", unit_scale=True, disable=None) as bar:
        made = Index(store.database, store.blobs, progress=lambda done: bar.update(done - bar.n))
        if rebuild:
            made.clear()
        made.catch_up_all()
    message = f"Indexed {store.url}: {made.count:,} rows were new to the index."
    tell(message, as_json, url=store.url, rows=made.count)
