"""`genwright samples`: list, show, search, export and import what was generated."""

from __future__ import annotations

import json
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import click
from tqdm import tqdm

from genwright.cli.group import Group
from genwright.cli.output import cut, json_option, print_json, print_table, say, tell
from genwright.cli.parameters import PAIR, bounds_of, limit_option, values
from genwright.cli.render import render
from genwright.cli.store import opened, store_option
from genwright.errors import UsageError, shown
from genwright.exports import TABLES, Export, export, exporter_of, origins, write_table
from genwright.imports import import_samples
from genwright.options import given_to, parse
from genwright.query import Hit
from genwright.registry import registry
from genwright.searches import asking
from genwright.store import Record, Store, is_text

__all__ = ["samples"]

Command = TypeVar("Command", bound=Callable[..., Any])

# What alone does not say what is looked for.
_NARROWING = ("run", "domain", "valid", "at_least", "within")


def _filters(command: Command) -> Command:
    """Give a command the options that say which samples."""
    options = (
        click.option("--run", metavar="ID", help="Only those of this run; a prefix of its id, or LAST."),
        click.option("--domain", metavar="NAME", help="Only those of this domain."),
        click.option("--identity", metavar="KEY", help="Only those with this identity, such as an InChIKey."),
        click.option("--valid/--invalid", default=None, help="Only those without a flaw, or with one."),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.group(cls=Group)
def samples() -> None:
    """List, show, search, draw, export and import recorded samples."""


samples.add_command(render)


@samples.command("list")
@_filters
@limit_option
@store_option
@json_option
def list_samples(domain: str | None, limit: int, where: str | None, as_json: bool, **filters: Any) -> int:
    """List samples, those of the newest run first; with --json, one object a line."""
    with opened(where) as store:
        found = store.samples(domain=domain, limit=limit + 1 if limit else None, **filters)
        return _print(found, limit, as_json, domain)


@samples.command()
@click.argument("text", required=False)
@click.option("--match", metavar="WORDS", help="Only those with all of these words; case and accents do not count.")
@click.option("--score", "scores", type=PAIR, multiple=True, metavar="METRIC=LOW..HIGH", help="Only those scored so.")
@click.option("--where", "asked", type=PAIR, multiple=True, metavar="NAME=LOW..HIGH", help="Only those asked for so.")
@click.option("--substructure", metavar="SMARTS", help="Only those that contain it; SMILES or SMARTS.")
@click.option("--similar", metavar="ITEM", help="Only those like this item, such as a SMILES; the most similar first.")
@click.option("--at-least", type=float, default=0.6, show_default=True, help="With --similar: the least similarity.")
@click.option("--near", metavar="FILE", help="Only pictures that look like the one in FILE; the nearest first.")
@click.option("--within", type=int, default=8, show_default=True, help="With --near: how many of 64 bits may differ.")
@click.option("--after", metavar="CURSOR", help="Go on where the same search stopped, even if more was recorded since.")
@_filters
@limit_option
@store_option
@json_option
def search(
    limit: int,
    where: str | None,
    as_json: bool,
    scores: Sequence[tuple[str, str]],
    asked: Sequence[tuple[str, str]],
    after: str | None,
    **wanted: Any,
) -> int:
    """Find samples that hold TEXT in their canonical spelling or their own, and fit all options.

    The newest come first; with --score, --similar or --near, the best. With --json each has its value and cursor.
    """
    if all(value is None for name, value in wanted.items() if name not in _NARROWING) and not (scores or asked):
        raise UsageError(
            "a search needs a text, an identity or another option that says what is looked for; got none. "
            "Example: genwright samples search c1ccccc1."
        )
    bounds = {name: bounds_of(name, text) for name, text in values(scores).items()}
    conditions = {name: bounds_of(name, text, is_word=True) for name, text in values(asked).items()}
    query = asking(**wanted, scores=bounds, where=conditions, after=after)
    # None: only on a terminal; and only where it takes longer than a second.
    with opened(where, indexing=True) as store, tqdm(unit=" samples indexed", disable=None, delay=1) as bar:
        hits = store.search(query, progress=lambda done: bar.update(done - bar.n))
        return _print_hits(hits, limit, as_json, query.domain)


@samples.command("export")
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@click.option("--text", help="Only those that hold this in their canonical spelling or their own.")
@_filters
@click.option("--limit", type=click.IntRange(1, sys.maxsize), help="How many at most; all if not given.")
@click.option(
    "--format", "format", metavar="NAME", help="A format where FILE does not say it; where FILE is -, also an ending."
)
@click.option("-o", "options", type=PAIR, multiple=True, metavar="NAME=VALUE", help="An option of the format.")
@click.option("--force", is_flag=True, help="Replace FILE if it exists.")
@store_option
@json_option
def export_samples(
    file: Path,
    format: str | None,
    options: tuple[tuple[str, str], ...],
    force: bool,
    where: str | None,
    as_json: bool,
    **filters: Any,
) -> int:
    """Write samples to FILE, each with its run, index, seed and model; - is standard output.

    FILE ends in .csv, .jsonl or .parquet, in what another format that is installed ends in, or in what its domain
    writes, such as .smi or .sdf for molecules. It is written whole or not at all.
    """
    to_stdout = str(file) == "-"
    if to_stdout and as_json:
        raise UsageError(
            "--json tells of the file that was written; got -, which prints the samples themselves. Leave --json out: "
            "they are JSON lines unless --format says otherwise."
        )
    name, ending = _format(format) if to_stdout else (format, "")
    spec = exporter_of(f"samples{ending}" if to_stdout else file.name, name)
    given = (
        {} if spec is None else parse(f"exporter {spec.name!r}", spec.load(), dict(options), given=given_to(spec.kind))
    )
    chosen = filters | {"format": name, "options": given or dict(options)}
    with opened(where) as store:
        done = _print_export(store, ending, chosen) if to_stdout else export(file, store=store, force=force, **chosen)
    if not done.samples:
        return _nothing(filters["domain"])
    hint = "" if done.has_origins else " They come without their origins; .csv and .jsonl tell them."
    message = f"{done.samples:,} samples written{'' if to_stdout else f' to {file}'}.{hint}"
    tell(message, as_json, file=str(file), **done._asdict())
    return 0


def _format(format: str | None) -> tuple[str | None, str]:
    """Return the name of the format that is asked for standard output, None where it is one of a domain, and an ending.

    Raises UsageError for an ending that could lead to another place.
    """
    if format is None or format in TABLES:
        return None, format or ".jsonl"
    named = [spec for spec in registry().specs("exporter") if spec.name == format]
    if named:
        return format, next(iter(named[0].endings), "")
    if not re.fullmatch(r"\.?[A-Za-z0-9]+(\.gz|\.xz)?", format):
        raise UsageError(
            f"a format is letters and digits, with .gz or .xz behind them or not; got {shown(format)}. "
            "Write what a file of it ends in, such as csv or smi.gz."
        )
    return None, f".{format.removeprefix('.')}"


def _print_export(store: Store, ending: str, chosen: Mapping[str, Any]) -> Export:
    """Write samples to standard output: tables as they are read, other formats, which need a file, by way of one."""
    if ending in TABLES and not chosen["options"]:
        filters = {name: value for name, value in chosen.items() if name not in ("format", "options")}
        return write_table(origins(store, **filters), sys.stdout, ending, store)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"samples{ending}")
        done = export(path, store=store, **chosen)
        if path.is_dir():
            raise UsageError(f"samples in the format {chosen['format']!r} are a folder; got -. Name a folder.")
        if path.is_file():
            with path.open("rb") as stream:
                shutil.copyfileobj(stream, sys.stdout.buffer)
    return done


@samples.command("import")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@store_option
@json_option
def import_from_file(file: Path, where: str | None, as_json: bool) -> None:
    """Put the samples of FILE into the store, with their runs, as they were in the store that they were exported from.

    FILE ends in .jsonl, .jsonl.gz, .jsonl.xz or .parquet. All of it is checked before anything is put. Samples that the
    store has already are passed over; other ones under the same id are refused.
    """
    with opened(where, writing=True) as store:
        done = import_samples(file, store=store)
    if as_json:
        print_json(done._asdict())
        return
    say(f"{done.new:,} samples imported, {done.known:,} were there already; runs: {done.runs:,}.")


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


def _print(found: Iterable[Record], limit: int, as_json: bool, domain: str | None) -> int:
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
    return _nothing(domain) if last is None else 0


def _print_hits(found: Iterator[Hit], limit: int, as_json: bool, domain: str | None) -> int:
    """Print the hits up to the limit, say how to go on if there are more, and return the exit code."""
    shown, last = islice(found, limit or None), None
    if as_json:
        for last in shown:
            click.echo(
                json.dumps(to_json(last.record) | {"value": last.value, "cursor": last.cursor}, ensure_ascii=False)
            )
    else:
        page = list(shown)
        is_valued = any(hit.value is not None for hit in page)
        print_table(
            ("sample", "item", "flaw", "value")[: 3 + is_valued], (_cells(hit)[: 3 + is_valued] for hit in page)
        )
        last = page[-1] if page else None
    if last is not None and next(found, None) is not None:
        say(f"There are more than these {limit}; --limit 0 lists all, --after {last.cursor} the next.")
    return _nothing(domain) if last is None else 0


def _cells(hit: Hit) -> tuple[str, ...]:
    value = "" if hit.value is None else f"{hit.value:.6g}"
    return hit.record.id, _item(hit.record), hit.record.flaw or "", value


def _nothing(domain: str | None) -> int:
    """Say that no sample was found, and return the exit code. Raises UnknownName if there is no such domain either."""
    if domain is not None:
        registry().get("domain", domain)
    say("No sample was found.")
    return 1


def _item(record: Record) -> str:
    if not is_text(record.media_type):
        return f"{record.media_type}, {len(record.payload):,} bytes"
    return cut(record.payload.decode(errors="replace"))
