"""`genwright store init` and what goes with it: making a store, its keys, its backup, and files that nothing names."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import click
from sqlalchemy import select

from genwright.cli.output import json_option, print_data, say, tell
from genwright.cli.store import store_option
from genwright.errors import UsageError
from genwright.folders import store_url
from genwright_storage.backup import write_backup
from genwright_storage.cli.opening import opened_sql
from genwright_storage.collection import GRACE, collect, orphans
from genwright_storage.ledger import state
from genwright_storage.store import SQLStore
from genwright_storage.tables import signing_key

__all__ = ["backup", "gc", "init", "keys", "rotate_key"]


@click.command()
@click.option("--origin", metavar="NAME", help="The name of the ledger, such as example.org/store; random if none.")
@store_option
@json_option
def init(origin: str | None, where: str | None, as_json: bool) -> None:
    """Make a store, and the key that signs its ledger; print the public key.

    A store is made by itself when something is first recorded. Do it by hand to name the ledger. The private key is
    kept in the folder of keys, $GENWRIGHT_KEYS or one in your configuration, never beside the store.
    """
    url = store_url() if where is None else where
    with closing(SQLStore(url, origin=origin)) as store:
        with store.database.reading() as connection:
            found = state(connection).origin
        if origin not in (None, found):
            raise UsageError(
                f"a store is made with the name {origin}; {store.url} is there, named {found}. Name another place."
            )
        say(f"The ledger of {store.url} is {found}. It is signed by this key, which others need to check it:")
        _print_keys(store, as_json)


@click.command()
@store_option
@json_option
def keys(where: str | None, as_json: bool) -> None:
    """Print the public keys that sign the ledger, the newest last, one a line."""
    with opened_sql(where) as store:
        _print_keys(store, as_json)


@click.command("rotate-key")
@click.option("--reason", required=True, help="Why; it is written in the ledger.")
@store_option
@json_option
def rotate_key(reason: str, where: str | None, as_json: bool) -> None:
    """Let a new key sign the ledger from now on; print it. The key so far signs it, where it is on this machine."""
    with opened_sql(where, writing=True) as store:
        new = store.rotate_key(reason)
    say("The ledger is signed by a new key from now on. Tell it to who checks the ledger:")
    print_data({"origin": new.name, "key": str(new)}, [new], as_json)


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@store_option
@json_option
def backup(file: Path, where: str | None, as_json: bool) -> None:
    """Write a copy of the store, as it is now, to FILE, with its large payloads beside it; it is a store of its own.

    The key is not in it. Verify the copy with: genwright audit verify --store sqlite:///FILE.
    """
    with opened_sql(where) as store:
        size = write_backup(store, file)
    tell(f"Wrote {file}, {size / 1e6:,.1f} MB.", as_json, file=str(file), bytes=size)


@click.command()
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@click.option(
    "--older-than",
    "grace",
    type=click.IntRange(0),
    default=int(GRACE),
    show_default=True,
    metavar="SECONDS",
    help="Let newer files be: their rows may not be written yet.",
)
@store_option
@json_option
def gc(dry_run: bool, grace: int, where: str | None, as_json: bool) -> None:
    """Remove files of large payloads that no sample names, left behind by writers that died."""
    count = size = 0
    with opened_sql(where, writing=not dry_run) as store:
        for file in (orphans if dry_run else collect)(store, grace=grace):
            count, size = count + 1, size + file.size
    message = f"{'Would remove' if dry_run else 'Removed'} {count:,} files, {size / 1e6:,.1f} MB."
    tell(message, as_json, files=count, bytes=size, dry_run=dry_run)


def _print_keys(store: SQLStore, as_json: bool) -> None:
    with store.database.reading() as connection:
        origin = state(connection).origin
        found = connection.execute(select(signing_key.c.verifier).order_by(signing_key.c.id)).scalars().all()
    print_data({"origin": origin, "keys": list(found)}, found, as_json)
