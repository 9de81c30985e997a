"""`genwright data`: list, show and fetch named data sets."""

from __future__ import annotations

from typing import Any

import click

from genwright.cli.output import json_option, print_json, print_table, say
from genwright.datasets import fetch, find
from genwright.errors import DataError
from genwright.registry import registry
from genwright.specs import DatasetSpec

__all__ = ["data"]


@click.group()
def data() -> None:
    """List, show and fetch named data sets."""


@data.command("list")
@click.option("--domain", help="Only those of this domain.")
@json_option
def list_datasets(domain: str | None, as_json: bool) -> int:
    """List the data sets that plugins name."""
    found = [spec for spec in registry().specs("dataset") if domain in (None, spec.domain)]
    if as_json:
        print_json([_to_json(spec) for spec in found])
    else:
        print_table(
            ("data set", "domain", "items", "where", "summary"),
            [(spec.name, spec.domain, f"{spec.rows:,}", _where(spec), spec.summary) for spec in found],
        )
    if not found:
        say("No plugin names a data set" + (f" of {domain}." if domain else "."))
    return 0 if found else 1


@data.command()
@click.argument("name")
@json_option
def show(name: str, as_json: bool) -> None:
    """Show where a data set comes from, its licence and its digest."""
    facts = _to_json(registry().get("dataset", name))
    if as_json:
        print_json(facts)
        return
    width = max(map(len, facts))
    for fact, value in facts.items():
        click.echo(f"{fact.ljust(width)}  {value}")


@data.command("fetch")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@json_option
def fetch_datasets(names: tuple[str, ...], as_json: bool) -> None:
    """Fetch data sets into the cache, unless they are on this machine, and print their paths."""
    specs = [registry().get("dataset", name) for name in names]
    paths = {spec.name: str(find(spec) or fetch(spec)) for spec in specs}
    if as_json:
        print_json(paths)
    else:
        for path in paths.values():
            click.echo(path)


def _to_json(spec: DatasetSpec) -> dict[str, Any]:
    return {
        "name": spec.name,
        "summary": spec.summary,
        "domain": spec.domain,
        "items": spec.rows,
        "licence": spec.licence,
        "url": spec.url,
        "sha256": spec.sha256,
        "origin": spec.origin,
        "where": _where(spec),
    }


def _where(spec: DatasetSpec) -> str:
    """Say where the file of a data set is, without going to the network."""
    try:
        path = find(spec)
    except DataError as error:
        return str(error)
    if path is not None:
        return str(path)
    return "to be fetched" if spec.url else "at no known address"
