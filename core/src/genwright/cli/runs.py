"""`genwright runs`: list and show what was executed, and go on where a run was stopped."""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, get_args

import click
from tqdm import tqdm

import genwright as gw
from genwright.cli.output import json_option, print_json, print_table, say
from genwright.cli.parameters import limit_option
from genwright.cli.store import opened, store_option
from genwright.run import Kind, Run
from genwright.store import Score

if TYPE_CHECKING:
    from genwright.samples import Samples

__all__ = ["runs"]

# A digest or a URL is shown whole; the part of an image that samples were drawn around is not.
_LONGEST = 80


@click.group()
def runs() -> None:
    """List, show and resume runs."""


@runs.command("list")
@click.option("--kind", type=click.Choice(get_args(Kind)), help="Only those of this kind.")
@limit_option
@store_option
@json_option
def list_runs(kind: str | None, limit: int, where: str | None, as_json: bool) -> int:
    """List runs, newest first; with --json, one object a line."""
    with opened(where) as store:
        found = list(store.runs(kind=kind, limit=limit + 1 if limit else None))
    shown = list(islice(found, limit or None))
    if as_json:
        for run in shown:
            click.echo(json.dumps(to_json(run), ensure_ascii=False))
    else:
        rows = [
            (run.id, run.kind, run.model or run.domain, run.seed, f"{run.planned:,}", run.state, _moment(run.started))
            for run in shown
        ]
        print_table(("run", "kind", "model", "seed", "planned", "state", "started (UTC)"), rows)
    if len(found) > len(shown):
        say(f"These are the newest {limit}; --limit 0 lists all.")
    if not found:
        say("The store holds no run" + (f" of kind {kind}." if kind else "."))
    return 0 if found else 1


@runs.command()
@click.argument("id")
@store_option
@json_option
def show(id: str, where: str | None, as_json: bool) -> None:
    """Show a run: what was asked, of what, where, and how it ended. ID may be a prefix, or LAST."""
    with opened(where) as store:
        run = store.run(id)
        scores = store.scores(run.id)
    facts = to_json(run)
    if as_json:
        print_json(facts | {"scores": [asdict(score) for score in scores]})
        return
    environment, config = facts.pop("environment"), facts.pop("config")
    facts |= {"started": _moment(run.started), "finished": _moment(run.finished) if run.finished else None}
    _print_facts(facts)
    for title, part in (("config", config), ("environment", environment)):
        click.echo(f"\n{title}")
        _print_facts({name: _shortened(value) for name, value in part.items()})
    if scores:
        click.echo()
        print_table(("metric", "value", "error", "detail"), map(_score_row, scores))


@runs.command()
@click.argument("id", default="LAST")
@click.option("--batch-size", type=int, default=1000, show_default=True, help="Samples recorded at once.")
@store_option
@json_option
def resume(id: str, batch_size: int, where: str | None, as_json: bool) -> None:
    """Draw the samples that a run planned and did not come to record, under the same run.

    ID may be a prefix, or LAST for the newest run that generates.
    """
    with opened(where, writing=True) as store:
        run = store.run(id)
        missing = sum(1 for _ in store.missing(run.id))
        if missing:
            _draw(gw.resume(run.id, store=store, batch_size=batch_size), missing)
    if as_json:
        print_json({"run": run.id, "planned": run.planned, "drawn": missing})
    elif missing:
        say(f"Drew the {missing:,} samples that were missing of {run.planned:,}, run {run.id}.")
    else:
        say(f"Run {run.id} has all of its {run.planned:,} samples.")


def _draw(batches: Generator[Samples[Any]], count: int) -> None:
    with closing(batches), tqdm(total=count, unit=" samples", leave=False, disable=None) as bar:
        for batch in batches:
            bar.update(len(batch))


def to_json(run: Run) -> dict[str, Any]:
    """Return a run as plain data."""
    return asdict(run) | {"environment": run.environment.to_json(), "notes": list(run.notes)}


def _print_facts(facts: dict[str, Any]) -> None:
    present = {name: value for name, value in facts.items() if value not in (None, "", [], ())}
    width = max(map(len, present), default=0)
    for name, value in present.items():
        click.echo(f"{name.ljust(width)}  {', '.join(value) if isinstance(value, list) else value}")


def _shortened(value: Any) -> Any:
    """Return plain data with each long text in it cut; --json has all of it."""
    if isinstance(value, dict):
        return {name: _shortened(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_shortened(part) for part in value]
    if isinstance(value, str) and len(value) > _LONGEST:
        return f"{value[:_LONGEST]}… ({len(value):,} characters)"
    return value


def _score_row(score: Score) -> tuple[str, str, str, str]:
    name = score.metric if score.index is None else f"{score.metric} of sample {score.index}"
    return name, f"{score.value:.6g}", "" if score.error is None else f"{score.error:.2g}", score.detail


def _moment(nanoseconds: int) -> str:
    return datetime.fromtimestamp(nanoseconds / 1e9, UTC).strftime("%Y-%m-%d %H:%M:%S")
