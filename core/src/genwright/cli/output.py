"""What commands print: tables, JSON, and messages on stderr."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import click

__all__ = ["cut", "json_option", "print_data", "print_json", "print_table", "say", "tell"]

_WIDEST = 72

Command = TypeVar("Command", bound=Callable[..., Any])


def json_option(command: Command) -> Command:
    """Give a command the flag --json, passed to it as `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)


def print_json(data: Any, *, err: bool = False) -> None:
    """Print plain data as JSON: indented on stdout, or on one line of stderr if `err`."""
    click.echo(json.dumps(data, ensure_ascii=False, indent=None if err else 2, default=str), err=err)


def print_data(data: Any, lines: Iterable[object], as_json: bool) -> None:
    """Print plain data as JSON where that is asked for, else as lines of text."""
    if as_json:
        print_json(data)
        return
    for line in lines:
        click.echo(line)


def print_table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows in aligned columns under their names; an empty table prints nothing."""
    table = [[name.upper() for name in head], *([str(cell) for cell in row] for row in rows)]
    if len(table) == 1:
        return
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def cut(text: str) -> str:
    """Return a text as a table shows it: on one line, and cut where it is long."""
    line = " ".join(text.split())
    return line if len(line) <= _WIDEST else line[: _WIDEST - 1] + "…"


def say(message: str) -> None:
    """Print a message on stderr, apart from the data."""
    click.echo(message, err=True)


def tell(message: str, as_json: bool, **facts: Any) -> None:
    """Say what was done; where JSON is asked for, also print it as data."""
    if as_json:
        print_json(facts)
    say(message)
