"""`genwright evaluate`: measure the samples of a run, or the items of a file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import genwright as gw
from genwright.cli.output import json_option, print_json, say
from genwright.cli.parameters import strict_option
from genwright.cli.store import opened, store_option
from genwright.errors import DataError, UsageError
from genwright.folders import store_url
from genwright.options import make
from genwright.registry import registry
from genwright.samples import Sample, Samples
from genwright.store import Record

if TYPE_CHECKING:
    from genwright.domain import Domain

__all__ = ["evaluate"]

_NO_REFERENCE = "None of the metrics can be computed without a reference. Name one: --reference NAME_OR_FILE."
_NO_METRIC = "No metric says anything of these items; their domain has none. See genwright plugins list."


@click.command()
@click.argument("source", metavar="RUN_OR_FILE")
@click.option("--domain", help="What the items of a file are; that of the reference if not given.")
@click.option("--reference", metavar="NAME_OR_FILE", help="A named data set, or a file, to compare with.")
@click.option("--metric", "metrics", multiple=True, metavar="NAME", help="Only this one; may be given several times.")
@click.option("--no-baseline", is_flag=True, help="Do not measure the reference itself beside it.")
@strict_option
@store_option
@json_option
def evaluate(
    source: str,
    domain: str | None,
    reference: str | None,
    metrics: Sequence[str],
    no_baseline: bool,
    strict: bool,
    where: str | None,
    as_json: bool,
) -> int:
    """Measure the samples of a run (its id, or LAST) or the items of a file, and print a report.

    The values for a run are recorded with it. Without a reference, metrics that need one are left out.
    """
    items = _items(Path(source), domain, reference, strict) if _is_file(source) else _samples(source, where)
    if not len(items):
        say(f"There is nothing to measure in {source}.")
        return 1
    report = gw.evaluate(
        items,
        domain=_domain_name(domain, reference),
        reference=reference,
        metrics=list(metrics) or None,
        baseline=not no_baseline,
        strict=strict,
        store=where,
    )
    if not report.values:
        say(_NO_METRIC if reference else _NO_REFERENCE)
        return 1
    if as_json:
        facts = {"reference": report.reference or None, "remarks": report.remarks, "metrics": report.to_json()}
        print_json(facts)
    else:
        click.echo(report)
    return 0


def _is_file(source: str) -> bool:
    """Say whether a file is meant, and not a run. Raises DataError for one that is not there."""
    if os.path.exists(source):
        return True
    if os.sep in source or Path(source).suffix:
        raise DataError(f"what is measured is a run or a file of items; {source} does not exist. Check the path.")
    return False


def _samples(id: str, where: str | None) -> Samples[Any]:
    with opened(where) as store:
        run = store.run(id)
        domain: Domain[Any] = make(registry().get("domain", run.domain), {})
        samples = [_sample(record, domain) for record in store.samples(run=run.id)]
    return Samples(samples, run=run, domain=domain, store=where or store_url())


def _sample(record: Record, domain: Domain[Any]) -> Sample[Any]:
    return Sample(
        item=domain.from_bytes(record.payload),
        run=record.run,
        index=record.index,
        seed=record.seed,
        flaw=record.flaw,
        canonical=record.canonical,
        identity=record.identity,
        reviews=record.reviews,
    )


def _items(path: Path, domain: str | None, reference: str | None, strict: bool) -> list[Any]:
    name = _domain_name(domain, reference)
    if name is None:
        raise UsageError(f"{path} does not say what its items are. Name the domain: --domain molecules.")
    made: Domain[Any] = make(registry().get("domain", name), {})
    return list(made.read(path, strict=strict))


def _domain_name(domain: str | None, reference: str | None) -> str | None:
    named = {spec.name: spec.domain for spec in registry().specs("dataset")}
    return named.get(reference or "") if domain is None else domain
