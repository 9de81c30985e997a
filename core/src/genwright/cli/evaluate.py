"""`genwright evaluate`: measure the samples of a run, or the items of a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import genwright as gw
from genwright.cli.output import json_option, print_json, say
from genwright.errors import UsageError
from genwright.options import make
from genwright.registry import registry

if TYPE_CHECKING:
    from genwright.domain import Domain
    from genwright.samples import Samples
    from genwright.store import Store

__all__ = ["evaluate"]


@click.command()
@click.argument("source", metavar="RUN_OR_FILE")
@click.option("--domain", help="What the items of a file are; that of the reference if not given.")
@click.option("--reference", metavar="NAME_OR_FILE", help="A named data set, or a file, to compare with.")
@click.option("--metric", "metrics", multiple=True, metavar="NAME", help="Only this one; may be given several times.")
@click.option("--no-baseline", is_flag=True, help="Do not measure the reference itself beside it.")
@click.option("--store", metavar="URL", help="The store of the run; the default store if not given.")
@json_option
def evaluate(
    source: str,
    domain: str | None,
    reference: str | None,
    metrics: Sequence[str],
    no_baseline: bool,
    store: str | None,
    as_json: bool,
) -> int:
    """Measure the samples of a run (its id, or LAST) or the items of a file, and print a report.

    The values for a run are recorded with it. Without a reference, metrics that need one are left out.
    """
    items = _items(Path(source), domain, reference) if Path(source).exists() else _samples(source, gw.open_store(store))
    if not len(items):
        say(f"There is nothing to measure in {source}.")
        return 1
    report = gw.evaluate(
        items,
        domain=_domain_name(domain, reference),
        reference=reference,
        metrics=list(metrics) or None,
        baseline=not no_baseline,
        store=store,
    )
    if as_json:
        print_json({"reference": report.reference or None, "metrics": report.to_json()})
    else:
        click.echo(report)
    return 0


def _samples(id: str, store: Store) -> Samples[Any]:
    from genwright.samples import Sample, Samples

    run = store.run(id)
    domain: Domain[Any] = make(registry().get("domain", run.domain), {})
    return Samples(
        [
            Sample(
                item=domain.from_bytes(record.payload),
                run=record.run,
                index=record.index,
                seed=record.seed,
                flaw=record.flaw,
                canonical=record.canonical,
                identity=record.identity,
                reviews=record.reviews,
            )
            for record in store.samples(run=run.id)
        ],
        run=run,
        domain=domain,
    )


def _items(path: Path, domain: str | None, reference: str | None) -> list[Any]:
    name = _domain_name(domain, reference)
    if name is None:
        raise UsageError(f"{path} does not say what its items are. Name the domain: --domain molecules.")
    made: Domain[Any] = make(registry().get("domain", name), {})
    return list(made.read(path))


def _domain_name(domain: str | None, reference: str | None) -> str | None:
    named = {spec.name: spec.domain for spec in registry().specs("dataset")}
    return named.get(reference or "") if domain is None else domain
