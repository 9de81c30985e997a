"""`genwright score`: how likely the items of a file are under a model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import genwright as gw
from genwright.cli.output import cut, json_option, print_json, print_table
from genwright.cli.parameters import PAIR, conditions, device_option, loaded_model, strict_option
from genwright.errors import DataError, MismatchError
from genwright.options import make
from genwright.registry import registry

if TYPE_CHECKING:
    from genwright.domain import Domain
    from genwright.likelihoods import Likelihoods
    from genwright.model import Model

__all__ = ["score"]

Row = Mapping[str, Any]


@click.command()
@click.argument("domain")
@click.argument("file", type=click.Path(exists=True, path_type=Path))
@click.option("--model", metavar="NAME_OR_FOLDER", help="The model that says; the domain's default if not given.")
@click.option(
    "--where", "asked", type=PAIR, multiple=True, help="Given something, such as class=bag: log p(x | class)."
)
@click.option("--seed", default=0, show_default=True, help="Of what can only be estimated.")
@device_option
@strict_option
@json_option
def score(
    domain: str,
    file: Path,
    model: str | None,
    asked: Sequence[tuple[str, str]],
    seed: int,
    device: str,
    strict: bool,
    as_json: bool,
) -> int:
    """Say how likely the items of FILE are: log p in nats, and bits per dimension.

    Some families give log p itself, some a bound below it, which is said; a family without either exits with 2.

    An item with a flaw, or that the model's encoder does not take, has the reason in the place of numbers. Items are
    told by their file or their spelling, or else by their number among those that were read.
    """
    made: Domain[Any] = make(registry().get("domain", domain), {})
    loaded = _of(domain, model or domain, device)
    items = list(made.read(file, strict=strict))
    reasons = _reasons(loaded, items, file)
    sound = [item for item, reason in zip(items, reasons, strict=True) if reason is None]
    found = gw.score(loaded, sound, where=conditions(asked, made), seed=seed, device=device)
    rows = list(_rows([made.title(item) for item in items], reasons, found))
    if as_json:
        print_json(_plain(rows, found))
    else:
        _print(rows, found)
    return 0


def _of(domain: str, name: str, device: str) -> Model[Any]:
    """Return the model of a name. Raises MismatchError if it is of another domain."""
    model = loaded_model(name, device)
    of = model.recipe.domain
    if of != domain:
        raise MismatchError(
            f"items of {domain} are scored by a model of {domain}; {name} is one of {of}. "
            f"Choose another model, or write {of} in the place of {domain}."
        )
    return model


def _reasons(model: Model[Any], items: Sequence[Any], file: Path) -> list[str | None]:
    """Return of each item why it cannot be scored, or None. Raises DataError if none can."""
    from genwright.items import flaws

    reasons = flaws(model, items)
    if None not in reasons:
        raise DataError(
            f"what is scored is a valid item or more that the model's encoder takes; of {len(items):,} in {file} none "
            f"is. Why the first is not: {next(iter(reasons), 'There is none.')}"
        )
    return reasons


def _rows(titles: Sequence[str | None], reasons: Sequence[str | None], found: Likelihoods) -> Iterator[Row]:
    """Yield what is told of each item; what cannot be scored has a reason, and no numbers."""
    numbers = zip(found.nats, found.bits_per_dimension, strict=True)
    for number, (title, reason) in enumerate(zip(titles, reasons, strict=True)):
        nats, bits = next(numbers) if reason is None else (None, None)
        yield {"number": number, "title": title, "nats": nats, "bits_per_dimension": bits, "reason": reason}


_KINDS = {"exact": "mean of log p", "bound": "mean of a bound below log p"}


def _print(rows: Sequence[Row], found: Likelihoods) -> None:
    # A column with nothing in it is left out.
    columns = 3 if len(found) == len(rows) else 4
    head = ("item", "nats", "bits/dim", "why it has none")[:columns]
    print_table(head, (_cells(row)[:columns] for row in rows))
    some = "" if len(found) == len(rows) else f" of {len(found):,} of {len(rows):,} items"
    click.echo(f"{_KINDS[found.kind]}{some}: {found.mean_nats:.6g} nats, {found.mean_bits_per_dimension} bits/dim")


def _cells(row: Row) -> tuple[object, ...]:
    title = row["number"] if row["title"] is None else cut(row["title"])
    if row["reason"] is not None:
        return title, "", "", row["reason"]
    return title, f"{row['nats']:.4f}", f"{row['bits_per_dimension']:.4f}", ""


def _plain(rows: Sequence[Row], found: Likelihoods) -> dict[str, Any]:
    means = {"nats": found.mean_nats, "bits_per_dimension": found.mean_bits_per_dimension}
    return {
        "kind": found.kind,
        "dimensions": found.dimensions,
        "scored": len(found),
        "not_scored": len(rows) - len(found),
        "items": rows,
        "mean": {name: {"value": v.value, "error": v.error, "count": v.count} for name, v in means.items()},
    }
