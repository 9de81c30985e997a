"""`genwright store`: where the store is, and what is in it. Also the option --store of every command that opens one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any, TypeVar

import click

from genwright.cli.group import Group
from genwright.cli.output import json_option, print_json
from genwright.folders import read_only, store_file, store_url, without_password
from genwright.store import Store, open_store

__all__ = ["opened", "store", "store_option"]

Command = TypeVar("Command", bound=Callable[..., Any])


def store_option(command: Command) -> Command:
    """Give a command the option --store, passed to it as `where`."""
    text = "URL of the store, such as sqlite:///runs.sqlite; by default $GENWRIGHT_STORE, else one in your data folder."
    return click.option("--store", "where", metavar="URL", help=text)(command)


@contextmanager
def opened(where: str | None, *, writing: bool = False, indexing: bool = False) -> Iterator[Store]:
    """Open the store at a URL, or the default store, and close it at the end. It is made only where it is written.

    indexing: whether what is written is an index alone, of a store that is there
    """
    url = store_url() if where is None else where
    is_written = writing or (indexing and _is_there(url))
    with closing(open_store(url if is_written else read_only(url))) as store:
        yield store


def _is_there(url: str) -> bool:
    path = store_file(url)[0] if url.startswith("sqlite:") else None
    return path is None or (path.is_file() and path.stat().st_size > 0)


@click.group(cls=Group)
def store() -> None:
    """Say where the store is, and what is in it."""


@store.command()
@store_option
@json_option
def path(where: str | None, as_json: bool) -> None:
    """Print where the store is, without opening it: the path of its file, or its URL."""
    url = without_password(store_url() if where is None else where)
    place = str(store_file(url)[0]) if url.startswith("sqlite:") else None
    if as_json:
        print_json({"url": url, "path": place})
    else:
        click.echo(url if place is None else place)


@store.command()
@store_option
@json_option
def info(where: str | None, as_json: bool) -> None:
    """Show how much is in the store, and the head of its ledger."""
    with opened(where) as found:
        facts = dict(found.info())
    if as_json:
        print_json(facts)
        return
    facts |= {f"ledger {name}": value for name, value in facts.pop("head").items()}
    width = max(map(len, facts))
    for name, value in facts.items():
        click.echo(f"{name.ljust(width)}  {format(value, ',') if isinstance(value, int) else value}")
