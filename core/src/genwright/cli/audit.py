"""`genwright audit`: verify that nothing in the store was changed or removed, and draw samples again to compare."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from tqdm import tqdm

import genwright as gw
from genwright.cli.group import Group
from genwright.cli.output import json_option, say
from genwright.cli.store import opened, store_option
from genwright.errors import DataError, Erased, StoreError, UsageError
from genwright.registry import registry
from genwright.store import Store

if TYPE_CHECKING:
    from genwright.verdict import Verdict

__all__ = ["audit"]


@click.group(cls=Group)
def audit() -> None:
    """Verify the store, and draw its samples again."""


@audit.command()
@click.option("--since", multiple=True, type=click.Path(path_type=Path), help="A file or folder of noted signed heads.")
@click.option(
    "--key", "keys", multiple=True, metavar="KEY", help="A public key to trust, in place of those known here."
)
@store_option
@json_option
def verify(since: Sequence[Path], keys: Sequence[str], where: str | None, as_json: bool) -> int:
    """Check every row and file against the ledger, and name what is wrong; with --json, one object a line.

    The ledger is checked against its signed head, and with --since against heads that `genwright audit witness` noted
    elsewhere: only these show that its end was cut off, that an old copy was put back, or that all was made anew.
    """
    with opened(where) as store:
        info, count = _facts(store), 0
        heads = [text for place in since for text in _noted(place)]
        # None: only on a terminal.
        with tqdm(total=info.get("samples"), unit=" samples", unit_scale=True, disable=None) as bar:
            found = store.verify(heads=heads, keys=keys, progress=lambda checked: bar.update(checked - bar.n))
            for finding in found:
                count += 1
                bar.clear()
                click.echo(json.dumps(asdict(finding)) if as_json else f"{finding.where}: {finding.trouble}")
    if count:
        say(f"Verified {store.url}: {count:,} {'finding' if count == 1 else 'findings'}.")
        return 1
    head = info["head"]
    if not any(info[name] for name in ("runs", "checkpoints")):
        say(f"There is nothing to verify in {store.url}.")
        return 1
    say(f"Verified {store.url}: {info['samples']:,} samples are as they were put.")
    say(f"The ledger has {head['size']:,} entries and the root {head['root']}.")
    if heads:
        say(f"It has grown from the {'head' if len(heads) == 1 else 'heads'} noted in {', '.join(map(str, since))}.")
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


def _noted(place: Path) -> list[str]:
    """Return the texts of the heads that were noted in a file or folder."""
    files = sorted(place.glob("*.heads")) if place.is_dir() else [place]
    try:
        found = [file.read_bytes().decode() for file in files]
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{place} should hold signed heads; it cannot be read: {error}. Name another.") from error
    if not found:
        raise DataError(f"{place} should hold signed heads, in files that end in .heads; it has none. Name another.")
    return found


def _facts(store: Store) -> Mapping[str, Any]:
    """Return what the store says of itself: nothing where it is too damaged, as its findings will say."""
    try:
        return store.info()
    except StoreError:
        return {}


def _replayed(ids: Sequence[str], store: Store) -> Generator[Verdict, None, None]:
    from genwright.verdict import Verdict, replayed

    records = []
    for id in ids:
        try:
            records.append(store.sample(id))
        except Erased as error:
            yield Verdict(sample=id, outcome="not repeatable", reason=str(error))
    # By run, so that each model is loaded once and each run has one replay.
    yield from replayed(store, registry(), sorted(records, key=lambda record: record.run))


def _replayed_run(id: str, store: Store) -> Generator[Verdict, None, None]:
    with tqdm(total=store.run(id).planned, unit=" samples", leave=False, disable=None) as bar:
        for verdict in gw.replay(id, store=store):
            bar.update()
            yield verdict
