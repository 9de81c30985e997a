"""`genwright samples render`: pictures and pages of recorded samples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import click

from genwright.cli.output import json_option, say, tell
from genwright.cli.store import opened, store_option
from genwright.errors import UsageError
from genwright.options import make
from genwright.registry import registry
from genwright.store import Record, Store

__all__ = ["render"]

_MOST = 400


@click.command()
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="A new file, such as drawn.png or drawn.svg.")
@click.option(
    "--html", type=click.Path(path_type=Path), help="A new page, where the domain makes one: audio, with players."
)
@click.option("--limit", type=click.IntRange(1, _MOST), default=100, show_default=True, help="How many at most.")
@store_option
@json_option
def render(
    ids: Sequence[str], output: Path | None, html: Path | None, limit: int, where: str | None, as_json: bool
) -> int:
    """Draw recorded samples without a flaw; ID is a run, such as LAST, or one sample of it, such as LAST/0."""
    file = _file(output, html)
    with opened(where) as store:
        found = list(islice(_found(ids, store), limit + 1))
        domains = sorted({store.run(run).domain for run in {record.run for record in found}})
    if not found:
        say("There is no valid sample to draw.")
        return 1
    if len(domains) > 1:
        raise UsageError(
            f"a drawing is of samples of one domain; these are of {', '.join(domains)}. Draw one at a time."
        )
    domain = make(registry().get("domain", domains[0]), {})
    if file.suffix.lower() not in domain.pictures:
        raise UsageError(f"{domain.name} are drawn as {' or '.join(domain.pictures)}; got {file.name!r}. Name it so.")
    drawn = found[:limit]
    domain.render([domain.from_bytes(record.payload) for record in drawn], file, legends=[_short(r) for r in drawn])
    more = f" More follow; --limit takes up to {_MOST}." if len(found) > limit else ""
    tell(f"{len(drawn):,} samples drawn to {file}.{more}", as_json, file=str(file), samples=len(drawn))
    return 0


def _file(output: Path | None, html: Path | None) -> Path:
    if html is not None and html.suffix.lower() != ".html":
        raise UsageError(f"a page has a name that ends in .html; got {html.name!r}. Name it so.")
    if (output is None) == (html is None):
        raise UsageError("samples are drawn to one file: name it with -o drawn.png, or a page with --html page.html.")
    found = output or html
    assert found is not None
    return found


def _found(ids: Sequence[str], store: Store) -> Iterator[Record]:
    """Yield the valid ones of samples and of runs, each once."""
    seen: set[str] = set()
    for id in ids:
        records = iter((store.sample(id),)) if "/" in id else store.samples(run=id, valid=True)
        for record in records:
            if record.flaw is None and record.id not in seen:
                seen.add(record.id)
                yield record


def _short(record: Record) -> str:
    return f"{record.run[:8]}/{record.index}"
