"""`genwright store sequence` and `grants`: what a store in PostgreSQL needs besides."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import click

from genwright.cli.output import json_option, print_data, say, tell
from genwright.cli.store import store_option
from genwright.errors import UsageError
from genwright.folders import store_url
from genwright_storage.address import Address
from genwright_storage.cli.opening import opened_sql
from genwright_storage.grants import grants
from genwright_storage.postgresql import INTERVAL, PostgreSQLDatabase

__all__ = ["print_grants", "sequence"]

_EXTEND_EVERY = 60.0


@click.command()
@click.option("--once", is_flag=True, help="Sequence what waits now, and end.")
@store_option
@json_option
def sequence(once: bool, where: str | None, as_json: bool) -> None:
    """Bring what writers put into the ledger of a store in PostgreSQL, ten times a second, until it is stopped.

    It needs the key of the store and the role that sequences. Of several, one works and the others stand by. Writers
    that have the key do the same as they go; where none has it, nothing is signed until this runs.
    """
    with opened_sql(where, writing=True) as store:
        database = store.database
        if not isinstance(database, PostgreSQLDatabase):
            raise UsageError(f"a store in PostgreSQL is sequenced; {store.url} signs as it writes. Leave this out.")
        if not database.is_writable:
            raise UsageError(f"who sequences must write; this user may not, in {store.url}. Use the role for it.")
        count = database.drain(patient=True)
        if not once:
            say(f"Sequencing {store.url}. Stop it with Ctrl-C.")
            with _stopped() as stopped:
                count += _sequence(database, stopped)
    tell(f"Sequenced {count:,} {'entry' if count == 1 else 'entries'}.", as_json, url=store.url, entries=count)


@click.command("grants")
@store_option
@json_option
def print_grants(where: str | None, as_json: bool) -> None:
    """Print the SQL that makes the roles of a store in PostgreSQL, for who administers the server.

    A store that is made by a user who may make roles has them already.
    """
    url = store_url() if where is None else where
    if not url.startswith("postgresql"):
        raise UsageError(f"a store in PostgreSQL has roles of its server; got {url}. Leave this out.")
    statements = list(grants(str(Address.parse(url).url.database)))
    print_data(statements, (f"{statement};" for statement in statements), as_json)


def _sequence(database: PostgreSQLDatabase, stopped: threading.Event) -> int:
    """Sequence until it is stopped, and return how many entries that was."""
    count, extended = 0, time.monotonic()
    while not stopped.wait(INTERVAL):
        count += database.drain()
        if database.is_owner and time.monotonic() > extended + _EXTEND_EVERY:
            extended = time.monotonic()
            database.extend()
    return count


@contextmanager
def _stopped() -> Iterator[threading.Event]:
    """Give an event that a signal to end sets, so that what was begun is finished."""
    stopped = threading.Event()
    signals = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(number, lambda *_: stopped.set()) for number in signals]
    try:
        yield stopped
    finally:
        for number, handler in zip(signals, before, strict=True):
            signal.signal(number, handler)
