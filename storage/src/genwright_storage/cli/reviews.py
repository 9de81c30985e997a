"""`genwright samples review`: verdicts of people and of plugins on stored samples, signed and kept."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import islice
from typing import Any

import click

from genwright.cli.output import json_option, print_table, say, tell
from genwright.cli.store import store_option
from genwright.errors import UsageError
from genwright.options import make
from genwright.registry import registry
from genwright.store import Record
from genwright_storage import actors, reviews
from genwright_storage.cli.erasure import moment
from genwright_storage.cli.opening import opened_sql
from genwright_storage.store import SQLStore

__all__ = ["list_reviews", "review"]

_AT_ONCE = 500


@click.command()
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--accept/--reject", "accepted", default=None, help="The verdict.")
@click.option("--reason", default="", metavar="TEXT", help="Why.")
@click.option(
    "--meaning", default=reviews.MEANING, show_default=True, metavar="TEXT", help="What signing it means: approval, …"
)
@click.option("--by", "plugin", metavar="NAME", help="An installed reviewer, in place of yourself.")
@click.option("--run", metavar="ID", help="With --by: only samples of this run.")
@click.option("--domain", metavar="NAME", help="With --by: only samples of this domain.")
@click.option("--limit", type=click.IntRange(1), help="With --by: how many samples at most.")
@store_option
@json_option
def review(
    ids: Sequence[str],
    accepted: bool | None,
    reason: str,
    meaning: str,
    plugin: str | None,
    where: str | None,
    as_json: bool,
    **filters: Any,
) -> None:
    """Accept or reject samples, signed with your own key; or have an installed reviewer say of stored samples.

    ID is a run and an index in it, such as LAST/0. A later review supersedes an earlier one, and both stay. Your key is
    made at the first time, in the folder of keys; your name is $GENWRIGHT_ACTOR, else your user and machine.
    """
    if plugin is None:
        if accepted is None or not ids or not reason.strip():
            raise UsageError(
                "a review takes ids of samples, --accept or --reject, and --reason; something is missing. "
                'Example: genwright samples review LAST/0 --reject --reason "a ring of nine".'
            )
        with opened_sql(where, writing=True) as store:
            counts = Counter({accepted: reviews.put(store, dict.fromkeys(ids, (accepted, reason)), meaning=meaning)})
        by = actors.current().subject
        message = f"{'Accepted' if accepted else 'Rejected'} {counts[accepted]:,} samples as {by}."
    else:
        if accepted is not None or reason:
            raise UsageError(f"the verdict is that of {plugin}; got one of your own beside --by. Leave one out.")
        with opened_sql(where, writing=True) as store:
            counts = _reviewed_by(store, plugin, ids, meaning, filters)
        by = actors.of_plugin(plugin).subject
        message = f"{plugin} accepted {counts[True]:,} samples and rejected {counts[False]:,}."
    tell(message, as_json, by=by, accepted=counts[True], rejected=counts[False])


@click.command("reviews")
@click.argument("id")
@store_option
@json_option
def list_reviews(id: str, where: str | None, as_json: bool) -> int:
    """List the reviews of a sample, the oldest first; the last one stands. With --json, one object a line."""
    with opened_sql(where) as store:
        found = reviews.of(store, id)
    if as_json:
        for one in found:
            click.echo(json.dumps(asdict(one), ensure_ascii=False))
    else:
        rows = [
            (moment(one.given), one.by, "accepted" if one.accepted else "rejected", one.meaning, one.reason)
            for one in found
        ]
        print_table(("given (UTC)", "by", "verdict", "meaning", "reason"), rows)
    if not found:
        say("It has no review.")
    return 0 if found else 1


def _reviewed_by(
    store: SQLStore, name: str, ids: Sequence[str], meaning: str, filters: dict[str, Any]
) -> Counter[bool]:
    """Run a reviewer of a plugin over samples, page by page, record what it says, and return how often each verdict."""
    reviewer, by, counts = make(registry().get("reviewer", name), {}), actors.of_plugin(name), Counter[bool]()
    found = (store.sample(id) for id in ids) if ids else store.samples(valid=True, **filters)
    while page := list(islice(found, _AT_ONCE)):
        verdicts = dict(_verdicts(store, name, reviewer, page))
        reviews.put(store, verdicts, meaning=meaning, by=by)
        counts.update(accepted for accepted, _ in verdicts.values())
    return counts


def _verdicts(
    store: SQLStore, name: str, reviewer: Any, page: Sequence[Record]
) -> Iterator[tuple[str, tuple[bool, str]]]:
    """Yield what a reviewer says of samples, run by run; it is not asked about flawed ones."""
    runs: dict[str, list[Record]] = {}
    for record in page:
        if record.flaw is None:
            runs.setdefault(record.run, []).append(record)
    for run, records in runs.items():
        domain = store.run(run).domain
        registry().check_domain("reviewer", name, domain)
        loaded = make(registry().get("domain", domain), {})
        items = [loaded.from_bytes(record.payload) for record in records]
        for record, verdict in zip(records, reviewer(items), strict=True):
            yield record.id, (verdict.passed, verdict.reason)
