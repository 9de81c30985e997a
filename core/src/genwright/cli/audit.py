"""`genwright audit`: verify the store, show where a sample comes from, and draw samples again to compare."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from tqdm import tqdm

import genwright as gw
from genwright.cli.group import Group
from genwright.cli.lineage import show
from genwright.cli.output import json_option, say
from genwright.cli.parameters import public_keys
from genwright.cli.store import opened, store_option
from genwright.errors import DataError, Erased, StoreError, UsageError
from genwright.registry import registry
from genwright.store import Store, split_id

if TYPE_CHECKING:
    from genwright.verdict import Verdict

__all__ = ["audit"]


@click.group(cls=Group)
def audit() -> None:
    """Verify the store, show where samples come from, and draw them again."""


audit.add_command(show)


@audit.command()
@click.option("--since", multiple=True, type=click.Path(path_type=Path), help="A file or folder of noted signed heads.")
@click.option(
    "--key",
    "keys",
    multiple=True,
    metavar="KEY",
    help="A public key to trust, or a file of them, in place of those known here.",
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
        trusted = public_keys(keys)
        # None: only on a terminal.
        with tqdm(total=info.get("samples"), unit=" samples", unit_scale=True, disable=None) as bar:
            found = store.verify(heads=heads, keys=trusted, progress=lambda checked: bar.update(checked - bar.n))
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
    if info.get("pending"):
        say(f"{info['pending']:,} more entries wait for who has the key, under no signed head yet.")
    if not trusted and head.get("known") is False:
        say("No key of it was known on this machine: compare `genwright store keys` with what its owner says.")
    if heads:
        say(f"It has grown from the {'head' if len(heads) == 1 else 'heads'} noted in {', '.join(map(str, since))}.")
    return 0


@audit.command()
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--all", "whole", is_flag=True, help="All samples of the store, or of --run.")
@click.option("--run", metavar="ID", help="Samples of this run; all of them, or some with --sample.")
@click.option("--sample", type=int, metavar="N", help="Only so many samples, at random.")
@click.option("--seed", type=int, help="With --sample: decides which; a fresh one if not given.")
@store_option
@json_option
def replay(
    ids: Sequence[str],
    whole: bool,
    run: str | None,
    sample: int | None,
    seed: int | None,
    where: str | None,
    as_json: bool,
) -> int:
    """Draw recorded samples again and say whether they are the same; with --json, one object a sample and line.

    ID is a run and an index in it, such as LAST/0. What cannot be drawn again does not stop the rest. Exits with 1 if
    any sample is not identical.
    """
    _check_chosen(ids, whole=whole, run=run, sample=sample, seed=seed)
    with opened(where, writing=True) as store:
        verdicts = _replayed(ids, store) if ids else _replayed_runs(run, sample, seed, store)
        with closing(verdicts):
            outcomes = _told(verdicts, as_json=as_json)
    total = outcomes.total()
    for outcome in ("identical", *sorted(outcomes.keys() - {"identical"})):
        # Data are one object a sample, so with --json the summary is a message beside them.
        click.echo(f"{outcomes[outcome]:,} of {total:,} {outcome}", err=as_json)
    return 0 if total and outcomes["identical"] == total else 1


def _check_chosen(ids: Sequence[str], *, whole: bool, run: str | None, sample: int | None, seed: int | None) -> None:
    others = whole or run is not None or sample is not None
    if others == bool(ids):
        raise UsageError(
            "a replay takes ids of samples; or --run, --sample or --all for those of a run, some at random or all. "
            "Example: genwright audit replay LAST/0."
        )
    if seed is not None and sample is None:
        raise UsageError("--seed decides which samples --sample takes; it came without. Add --sample 100, or leave it.")


def _told(verdicts: Iterator[Verdict], *, as_json: bool) -> Counter[str]:
    """Print verdicts: with --json all of them, else those that are not identical. Return how many there are of each."""
    outcomes: Counter[str] = Counter()
    drifted = ""
    for verdict in verdicts:
        outcomes[verdict.outcome] += 1
        if as_json:
            click.echo(json.dumps(asdict(verdict), ensure_ascii=False))
        elif verdict.outcome != "identical":
            # The drift is the run's, so it is told once a run.
            run = split_id(verdict.sample)[0]
            click.echo(replace(verdict, drift=()) if run == drifted else verdict)
            drifted = run
    return outcomes


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
    for id in dict.fromkeys(ids):
        try:
            records.append(store.sample(id))
        except Erased as error:
            yield Verdict(sample=id, outcome="not repeatable", reason=str(error))
    # By model and run, so that each model is loaded once and each run has one replay.
    models = {id: store.run(id).checkpoint for id in {record.run for record in records}}
    records.sort(key=lambda record: (models[record.run], record.run))
    yield from _counted(replayed(store, registry(), records), len(records))


def _replayed_runs(
    run: str | None, sample: int | None, seed: int | None, store: Store
) -> Generator[Verdict, None, None]:
    from genwright.picks import picked
    from genwright.seeds import fresh_seed

    total = picked(store, run).total
    if sample is None:
        yield from _counted(gw.replay(run, store=store), total)
        return
    seed = fresh_seed() if seed is None else seed
    verdicts = gw.replay(run, sample=sample, seed=seed, store=store)
    say(f"Drawing again {min(sample, total):,} of {total:,} samples, chosen by --seed {seed}.")
    yield from _counted(verdicts, min(sample, total))


def _counted(verdicts: Iterator[Verdict], total: int) -> Iterator[Verdict]:
    with tqdm(total=total, unit=" samples", leave=False, disable=None) as bar:
        for verdict in verdicts:
            bar.update()
            if verdict.outcome != "identical":
                bar.clear()
            yield verdict
