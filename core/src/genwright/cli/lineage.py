"""`genwright audit show`: where a sample comes from, down to the data, and what was done with it since."""

from __future__ import annotations

from pathlib import Path

import click

import genwright as gw
from genwright.cli.output import json_option, print_json, say
from genwright.cli.store import opened, store_option
from genwright.errors import UsageError
from genwright.files import replaced

__all__ = ["show"]


@click.command()
@click.argument("id")
@click.option(
    "--svg", "picture", type=click.Path(path_type=Path), help="Draw it to a new .svg file, and print nothing."
)
@click.option("--force", is_flag=True, help="Replace a file of that name.")
@store_option
@json_option
def show(id: str, picture: Path | None, force: bool, where: str | None, as_json: bool) -> None:
    """Show where a sample comes from: run, model, recipe, data and their ancestors; its reviews, scores and replays.

    ID is a run and an index in it, such as LAST/0. Neither the model nor its plugin has to be here.
    """
    if picture is not None and picture.suffix.lower() != ".svg":
        raise UsageError(f"a lineage is drawn to a .svg file; got {picture.name!r}. Name one, such as sample.svg.")
    with opened(where) as store:
        found = gw.lineage(id, store=store)
    if picture is not None:
        with replaced(picture, force=force) as unfinished:
            unfinished.write_text(found.to_svg(), encoding="utf-8")
        say(f"Drew {picture}.")
    if as_json:
        print_json(found.to_json())
    elif picture is None:
        click.echo(str(found))
