"""`genwright audit`: verify that nothing in the store was changed or removed, and draw samples again to compare."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click
from tqdm import tqdm

import genwright as gw
from genwright.cli.group import Group
from genwright.cli.output import json_option, say
from genwright.cli.store import opened, store_option
from genwright.errors import StoreError, UsageError
from genwright.registry import registry
from genwright.store import Store

if TYPE_CHECKING:
    from genwright.verdict import Verdict

__all__ = ["audit"]


@click.group(cls=Group)
def audit() -> None:
    """Verify the store, and draw its samples again."""


@audit.command()
@store_option
@json_option
def verify(where: str | None, as_json: bool) -> int:
    """Check every row and file against the ledger, and name what is wrong; with --json, one object a line."""
    with opened(where) as store:
        info, count = _facts(store), 0
        # None: only on a terminal.
        with tqdm(total=info.get("samples"), unit=" samples", unit_scale=True, disable=None) as bar:
            for finding in store.verify(progress=lambda checked: bar.update(checked - bar.n)):
                count += 1
                bar.clear()
                click.echo(json.dumps(asdict(finding)) if as_json else f"{finding.where}: {finding.trouble}")
    if count:
        say(f"Verified {store.url}: {count:,} {'finding' if count == 1 else 'findings'}.")
        return 1
    head = info["head"]
    if not head["size"]:
        say(f"There is nothing to verify in {store.url}.")
        return 1
    say(f"Verified {store.url}: {info['samples']:,} samples are as they were put.")
    say(f"The ledger has {head['size']:,} entries and the root {head['root']}.")
    return 0


@audit.command()
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--all", "whole", is_flag=True, help="All samples of a run.")
@click.option("--run", default="LAST", show_default=True, metavar="ID", help="With --all: which run.")
@store_option
@json_option
def replay(ids: Sequence[str], whole: bool, run: str, where: str | None, as_json: bool) -> int:
    """Draw recorded samples again and say whether they are the same; with --json, one object a sample and line.

    ID is a run and an index in it, such as LAST/0. Exits with 1 if any sample is not identical.
    """
    if whole == bool(ids):
        raise UsageError("a replay takes ids of samples, or --all for a run. Example: genwright audit replay LAST/0.")
    outcomes: Counter[str] = Counter()
    with opened(where, writing=True) as store:
        verdicts = _replayed_run(run, store) if whole else _replayed(ids, store)
        with closing(verdicts):
            for verdict in verdicts:
                outcomes[verdict.outcome] += 1
                if as_json:
                    click.echo(json.dumps(asdict(verdict)))
                elif verdict.outcome != "identical":
                    click.echo(verdict)
    total = outcomes.total()
    if not as_json:
        others = "".join(f", {n:,} {outcome}" for outcome, n in sorted(outcomes.items()) if outcome != "identical")
        click.echo(f"{outcomes['identical']:,} of {total:,} identical{others}")
    return 0 if total and outcomes["identical"] == total else 1


def _facts(store: Store) -> Mapping[str, Any]:
    """Return what the store says of itself: nothing where it is too damaged, as its findings will say."""
    try:
        return store.info()
    except StoreError:
        return {}


def _replayed(ids: Sequence[str], store: Store) -> Generator[Verdict, None, None]:
    from genwright.verdict import replayed

    # By run, so that each model is loaded once and each run has one replay.
    records = sorted((store.sample(id) for id in ids), key=lambda record: record.run)
    yield from replayed(store, registry(), records)


def _replayed_run(id: str, store: Store) -> Generator[Verdict, None, None]:
    with tqdm(total=store.run(id).planned, unit=" samples", leave=False, disable=None) as bar:
        for verdict in gw.replay(id, store=store):
            bar.update()
            yield verdict
