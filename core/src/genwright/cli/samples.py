"""`genwright samples`: list, show and search what was generated."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict
from itertools import islice
from typing import Any, TypeVar

import click

from genwright.cli.output import json_option, print_json, print_table, say
from genwright.cli.parameters import limit_option
from genwright.cli.store import opened, store_option
from genwright.errors import UsageError
from genwright.store import Record, is_text

__all__ = ["samples"]

Command = TypeVar("Command", bound=Callable[..., Any])

WIDEST = 72


def _filters(command: Command) -> Command:
    """Give a command the options that say which samples."""
    options = (
        click.option("--run", metavar="ID", help="Only those of this run; a prefix of its id, or LAST."),
        click.option("--valid/--invalid", default=None, help="Only those without a flaw, or with one."),
        limit_option,
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.group()
def samples() -> None:
    """List, show and search recorded samples."""


@samples.command("list")
@_filters
@store_option
@json_option
def list_samples(run: str | None, valid: bool | None, limit: int, where: str | None, as_json: bool) -> int:
    """List samples, those of the newest run first; with --json, one object a line."""
    with opened(where) as store:
        found = store.samples(run=run, valid=valid, limit=limit + 1 if limit else None)
        return _print(found, limit, as_json)


@samples.command()
@click.argument("text", required=False)
@click.option("--identity", metavar="KEY", help="Only those with this identity, such as an InChIKey.")
@_filters
@store_option
@json_option
def search(
    text: str | None,
    identity: str | None,
    run: str | None,
    valid: bool | None,
    limit: int,
    where: str | None,
    as_json: bool,
) -> int:
    """Find samples that hold TEXT in their canonical spelling or their own, or that have an identity."""
    if text is None and identity is None:
        raise UsageError(
            "a search needs a text or an identity; got neither. Example: genwright samples search c1ccccc1."
        )
    with opened(where) as store:
        more = limit + 1 if limit else None
        found = store.samples(run=run, text=text, identity=identity, valid=valid, limit=more)
        return _print(found, limit, as_json)


@samples.command()
@click.argument("id")
@store_option
@json_option
def show(id: str, where: str | None, as_json: bool) -> None:
    """Show a sample and its origin. ID is its run and its index, such as LAST/0."""
    with opened(where) as store:
        record = store.sample(id)
        run = store.run(record.run)
    facts = to_json(record) | {"domain": run.domain, "model": run.model, "checkpoint": run.checkpoint}
    if as_json:
        print_json(facts)
        return
    reviews = facts.pop("reviews")
    width = max(map(len, facts))
    for name, value in facts.items():
        if value not in (None, ""):
            click.echo(f"{name.ljust(width)}  {value}")
    print_table(("reviewer", "passed", "reason"), [tuple(review.values()) for review in reviews])


def to_json(record: Record) -> dict[str, Any]:
    """Return a sample as plain data; `item` is its payload where that is text, else null."""
    return {
        "id": record.id,
        "run": record.run,
        "index": record.index,
        "seed": record.seed,
        "item": record.payload.decode(errors="replace") if is_text(record.media_type) else None,
        "media_type": record.media_type,
        "bytes": len(record.payload),
        "flaw": record.flaw,
        "canonical": record.canonical,
        "identity": record.identity,
        "parameters": record.parameters,
        "prompt": record.prompt,
        "reviews": [asdict(review) for review in record.reviews],
    }


def _print(found: Iterable[Record], limit: int, as_json: bool) -> int:
    """Print the samples up to the limit, say whether there are more, and return the exit code."""
    records = iter(found)
    shown, last = islice(records, limit or None), None
    if as_json:
        for last in shown:
            click.echo(json.dumps(to_json(last), ensure_ascii=False))
    else:
        page = list(shown)
        print_table(("sample", "item", "flaw"), [(record.id, _item(record), record.flaw or "") for record in page])
        last = page[-1] if page else None
    if next(records, None) is not None:
        say(f"There are more than these {limit}; --limit 0 lists all.")
    if last is None:
        say("No sample was found.")
    return 1 if last is None else 0


def _item(record: Record) -> str:
    if not is_text(record.media_type):
        return f"{record.media_type}, {len(record.payload):,} bytes"
    text = " ".join(record.payload.decode(errors="replace").split())
    return text if len(text) <= WIDEST else text[: WIDEST - 1] + "…"
