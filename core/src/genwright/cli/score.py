"""`genwright score`: how likely the items of a file are under a model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import genwright as gw
from genwright.cli.output import json_option, print_json, print_table
from genwright.cli.parameters import PAIR, conditions
from genwright.options import make
from genwright.registry import registry

if TYPE_CHECKING:
    from genwright.domain import Domain
    from genwright.likelihoods import Likelihoods

__all__ = ["score"]


@click.command()
@click.argument("domain")
@click.argument("file", type=click.Path(exists=True, path_type=Path))
@click.option("--model", metavar="NAME_OR_FOLDER", help="The model that says; the domain's default if not given.")
@click.option(
    "--where", "asked", type=PAIR, multiple=True, help="Given something, such as class=bag: log p(x | class)."
)
@click.option("--seed", default=0, show_default=True, help="Of what can only be estimated.")
@json_option
def score(
    domain: str, file: Path, model: str | None, asked: Sequence[tuple[str, str]], seed: int, as_json: bool
) -> int:
    """Say how likely the items of FILE are: log p in nats, and bits per dimension.

    Some families give log p itself, some a bound below it, which is said; a family without either exits with 2.
    """
    made: Domain[Any] = make(registry().get("domain", domain), {})
    found = gw.score(model or domain, list(made.read(file)), where=conditions(asked, made), seed=seed)
    if as_json:
        print_json(_plain(found))
        return 0
    rows = zip(found.nats, found.bits_per_dimension, strict=True)
    print_table(
        ("item", "nats", "bits/dim"), ((n, f"{nats:.4f}", f"{bits:.4f}") for n, (nats, bits) in enumerate(rows))
    )
    click.echo(f"{_KINDS[found.kind]}: {found.mean_nats:.6g} nats, {found.mean_bits_per_dimension} bits/dim")
    return 0


_KINDS = {"exact": "mean of log p", "bound": "mean of a bound below log p"}


def _plain(found: Likelihoods) -> dict[str, Any]:
    items = zip(found.nats, found.bits_per_dimension, strict=True)
    means = {"nats": found.mean_nats, "bits_per_dimension": found.mean_bits_per_dimension}
    return {
        "kind": found.kind,
        "dimensions": found.dimensions,
        "items": [{"nats": nats, "bits_per_dimension": bits} for nats, bits in items],
        "mean": {name: {"value": v.value, "error": v.error, "count": v.count} for name, v in means.items()},
    }
