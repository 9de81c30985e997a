"""`genwright audit erase`, and what keeps samples from it or has it done by age: legal holds and retention rules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import click

from genwright.cli.group import Listing
from genwright.cli.output import json_option, print_data, print_json, print_table, say, tell
from genwright.cli.store import store_option
from genwright.store import split_id
from genwright_storage import erasure, holds, retention
from genwright_storage.cli.opening import opened_sql
from genwright_storage.store import SQLStore

__all__ = ["erase", "hold", "list_holds", "moment", "release", "retain", "rules"]

_SAID = ("id", "scope", "days", "reason", "placer", "placed_ns", "ender", "ended_reason", "ended_ns")


def reason_option(command: Any) -> Any:
    """Give a command the option --reason, which is required."""
    return click.option("--reason", required=True, metavar="TEXT", help="Why; it is kept for good.")(command)


@click.command()
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@reason_option
@click.option("--basis", metavar="TEXT", help='The legal basis, such as "GDPR Art. 17(1)(b)".')
@click.option("--yes", is_flag=True, help="Do not ask.")
@store_option
@json_option
def erase(ids: Sequence[str], reason: str, basis: str | None, yes: bool, where: str | None, as_json: bool) -> None:
    """Erase samples and whole runs for good; their tombstones stay, and all proofs of the others still verify.

    ID is a run and an index in it, such as LAST/0, or a run alone, which goes with all its samples and texts. Do not
    write into the reason what is to be erased.
    """
    with opened_sql(where, writing=True) as store:
        if not yes:
            click.confirm(f"Erase {', '.join(ids)} from {store.url}? Nothing brings it back", abort=True, err=True)
        done = erasure.erase(store, ids, reason=reason, basis=basis)
        asked = _asked(store, ids)
    if as_json:
        copies = [str(path) for path in done.copies]
        print_json(
            {
                "samples": done.samples,
                "runs": done.runs,
                "complete": done.is_complete,
                "copies": copies,
                "related": done.related,
            }
        )
    if not (done.samples or done.runs):
        say("All of it was erased before.")
    else:
        say(f"Erased {done.samples:,} samples and the texts of {done.runs:,} runs.")
    if asked:
        runs = ", ".join(asked)
        say(f"What was asked of a whole run, its prompt or conditions, stays until the run is erased: {runs}.")
    for id in done.related:
        say(f"Run {id} replays or measures what was erased, and may have the same seed and texts. Erase it too?")
    _say_what_is_left(done)


@click.command()
@click.argument("scope")
@reason_option
@store_option
@json_option
def hold(scope: str, reason: str, where: str | None, as_json: bool) -> None:
    """Keep what SCOPE covers from being erased, now and in future: all, domain:NAME, run:ID or sample:ID."""
    with opened_sql(where, writing=True) as store:
        id = holds.place(store, scope, reason=reason)
        placed = _numbered(holds.listed(store), id)
    tell(f"Placed hold {id}. It ends with: genwright audit release {id}.", as_json, **placed)


@click.command()
@click.argument("id", type=int)
@reason_option
@store_option
@json_option
def release(id: int, reason: str, where: str | None, as_json: bool) -> None:
    """Let go of a legal hold; ID is its number in `audit holds`."""
    with opened_sql(where, writing=True) as store:
        holds.release(store, id, reason=reason)
        released = _numbered(holds.listed(store), id)
    tell(f"Released hold {id}.", as_json, **released)


@click.command("holds")
@store_option
@json_option
def list_holds(where: str | None, as_json: bool) -> int:
    """List legal holds, also those that were released."""
    with opened_sql(where) as store:
        found = holds.listed(store)
    head = ("hold", "scope", "reason", "placed by", "placed (UTC)", "released (UTC)")
    return _print(found, ("scope", "reason"), head, as_json, "There is no legal hold.")


@click.command()
@click.argument("scope")
@click.option("--days", type=int, required=True, help="For how long samples are kept from the start of their run.")
@reason_option
@store_option
@json_option
def retain(scope: str, days: int, reason: str, where: str | None, as_json: bool) -> None:
    """Make a rule that samples are erased after some days; SCOPE is all, domain:NAME, run:ID or sample:ID.

    It is applied by `audit retention apply`, and by nothing else.
    """
    with opened_sql(where, writing=True) as store:
        id = retention.retain(store, scope, days=days, reason=reason)
        made = _numbered(retention.listed(store), id)
    tell(f"Made retention rule {id}. Nothing is erased before: genwright audit retention apply.", as_json, **made)
    if days < retention.SHORT:
        say(
            f"Warning: {days} days are less than the six months for which Articles 19 and 26(6) of the AI Act have "
            "logs of high-risk systems kept. Whether that concerns you is for you to say."
        )


@click.group("retention", cls=Listing)
def rules() -> None:
    """List retention rules, apply them, or end one."""


@rules.command("list")
@store_option
@json_option
def _list_rules(where: str | None, as_json: bool) -> int:
    """List retention rules, also those that ended."""
    with opened_sql(where) as store:
        found = retention.listed(store)
    head = ("rule", "scope", "days", "reason", "made by", "made (UTC)", "ended (UTC)")
    return _print(found, ("scope", "days", "reason"), head, as_json, "There is no retention rule.")


@rules.command("apply")
@click.option("--dry-run", is_flag=True, help="Only say what would be erased.")
@store_option
@json_option
def _apply(dry_run: bool, where: str | None, as_json: bool) -> None:
    """Erase the samples that are due under the rules, but for those that a legal hold covers."""
    with opened_sql(where, writing=not dry_run) as store:
        swept = retention.apply(store, is_dry=dry_run)
    left = {} if dry_run else {"complete": swept.is_complete, "copies": [str(path) for path in swept.copies]}
    print_data([asdict(done) | left for done in swept.rules], _lines(swept, dry_run), as_json)
    _say_what_is_left(swept)


def _lines(swept: retention.Swept, dry_run: bool) -> Iterator[str]:
    for done in swept.rules:
        verb = "would erase" if dry_run else "erased"
        yield f"Rule {done.rule} on {done.scope} {verb} {done.samples:,} samples."
        for hold, count in done.held.items():
            yield f"  {count:,} more are due, and are kept by hold {hold}."


@rules.command("end")
@click.argument("id", type=int)
@reason_option
@store_option
@json_option
def _end(id: int, reason: str, where: str | None, as_json: bool) -> None:
    """Have a retention rule apply no more; ID is its number in the list."""
    with opened_sql(where, writing=True) as store:
        retention.end(store, id, reason=reason)
        ended = _numbered(retention.listed(store), id)
    tell(f"Ended retention rule {id}.", as_json, **ended)


def _asked(store: SQLStore, ids: Sequence[str]) -> list[str]:
    """Return the runs of the samples among some ids that still say what was asked of them."""
    runs = {run.id: run for run in (store.run(split_id(id)[0]) for id in ids if "/" in id)}
    return [id for id, run in runs.items() if run.config.get("prompt") or run.config.get("where")]


def _say_what_is_left(done: erasure.Erased | retention.Swept) -> None:
    if not done.is_complete:
        say("Traces are in the file until it is next opened for writing: others use it, or there is too little space.")
    for copy in done.copies:
        say(f"This copy was made before, and still holds it: {copy}.")


def moment(nanoseconds: int | None) -> str:
    """Return a time as tables show it."""
    if nanoseconds is None:
        return ""
    return datetime.fromtimestamp(nanoseconds / 1e9, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _print(found: Sequence[Any], fields: Iterable[str], head: Sequence[str], as_json: bool, nothing: str) -> int:
    """Print terms, and return the exit code."""
    rows = [_to_json(row) for row in found]
    if as_json:
        print_json(rows)
    else:
        ends = [(row["placer"], moment(row["placed_ns"]), moment(row["ended_ns"])) for row in rows]
        print_table(head, [(row["id"], *(row[f] for f in fields), *end) for row, end in zip(rows, ends, strict=True)])
    if not rows:
        say(nothing)
    return 0 if rows else 1


def _to_json(row: Any) -> dict[str, Any]:
    """Return a hold or a rule as plain data."""
    facts = row._asdict()
    if "keep_ns" in facts:
        facts["days"] = facts["keep_ns"] // retention.DAY
    return {name: facts[name] for name in _SAID if name in facts}


def _numbered(found: Iterable[Any], id: int) -> dict[str, Any]:
    """Return the hold or rule of a number as plain data."""
    return next(_to_json(row) for row in found if row.id == id)
