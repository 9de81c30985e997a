"""`genwright audit`: verify that nothing in the store was changed or removed."""

from __future__ import annotations

import json
from dataclasses import asdict

import click
from tqdm import tqdm

from genwright.cli.output import json_option, say
from genwright.cli.store import opened, store_option

__all__ = ["audit"]


@click.group()
def audit() -> None:
    """Verify the store, and what it says of each sample."""


@audit.command()
@store_option
@json_option
def verify(where: str | None, as_json: bool) -> int:
    """Check every row and file against the ledger, and name what is wrong; with --json, one object a line."""
    with opened(where) as store:
        info, count = store.info(), 0
        # None: only on a terminal.
        with tqdm(total=info["samples"], unit=" samples", unit_scale=True, disable=None) as bar:
            for finding in store.verify(progress=lambda checked: bar.update(checked - bar.n)):
                count += 1
                bar.clear()
                click.echo(json.dumps(asdict(finding)) if as_json else f"{finding.where}: {finding.trouble}")
    if count:
        say(f"Verified {store.url}: {count:,} {'finding' if count == 1 else 'findings'}.")
        return 1
    head = info["head"]
    say(f"Verified {store.url}: {info['samples']:,} samples are as they were put.")
    say(f"The ledger has {head['size']:,} entries and the root {head['root']}.")
    return 0
