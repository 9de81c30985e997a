"""`genwright train`: train a model by a recipe."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from tqdm import tqdm

import genwright as gw
from genwright.cli.output import json_option, print_json, say
from genwright.cli.parameters import PAIR, recording_options, strict_option, values
from genwright.options import parse
from genwright.recipe import Recipe
from genwright.registry import registry

if TYPE_CHECKING:
    from genwright.trainer import Progress

__all__ = ["train"]

_PARTS = frozenset({"encoder", "family", "backbone"})


@click.command()
@click.option("--recipe", "path", required=True, type=click.Path(path_type=Path), help="A recipe in TOML.")
@click.option("-o", "options", type=PAIR, multiple=True, help="Another value for a field of the recipe: steps=100.")
@click.option("--name", help="The model's name, domain/something; the recipe's digest if not given.")
@click.option("--folder", type=click.Path(path_type=Path), help="Where the model goes; among the models if not given.")
@click.option("--device", default="auto", show_default=True, help="What computes: auto, cpu or cuda.")
@click.option("--log-every", type=int, default=50, show_default=True, help="Steps between reports.")
@click.option("--tensorboard", type=click.Path(path_type=Path), metavar="DIR", help="Write losses for TensorBoard.")
@strict_option
@recording_options
@json_option
def train(
    path: Path,
    options: Sequence[tuple[str, str]],
    name: str | None,
    where: str | None,
    no_store: bool,
    as_json: bool,
    **choices: Any,
) -> None:
    """Train the model of a recipe, and print its name and folder.

    Training that was stopped goes on from where it was saved, when the same command is given again. It is saved every
    two minutes and at Ctrl-C, which waits for the end of a step; a second Ctrl-C does not.
    """
    recipe = _changed(Recipe.read(path), values(options))
    if name is not None and name.partition("/")[0] != recipe.domain:
        # Of a domain that there is not, this says more than that the model's name is not one of it.
        registry().get("domain", recipe.domain)
    try:
        model = gw.train(
            recipe, name=name, store=False if no_store else where, on_report=_reporter(recipe.steps), **choices
        )
    except KeyboardInterrupt as stop:
        say(" ".join(("Training was stopped.", *getattr(stop, "__notes__", ()))))
        raise
    checkpoint = model.checkpoint
    assert checkpoint is not None
    facts = {"model": checkpoint.name, "folder": str(checkpoint.folder), "digest": checkpoint.digest}
    if as_json:
        print_json(facts | {"training": checkpoint.card["training"]})
    else:
        click.echo("\n".join(f"{name:<6}  {fact}" for name, fact in facts.items()))
    say(f"Draw from it: genwright generate {checkpoint.folder if choices['folder'] else checkpoint.name}")


def _changed(recipe: Recipe, texts: Mapping[str, str]) -> Recipe:
    """Return a recipe with other values for its plain fields, written as text; components stay as in the file."""
    required = {field.name for field in fields(Recipe) if field.default is MISSING}
    return replace(recipe, **parse("a recipe", Recipe, texts, given=_PARTS | required - texts.keys()))


def _reporter(steps: int) -> Callable[[Progress], None]:
    """Return what tells where training stands, a line a report."""

    def report(progress: Progress) -> None:
        pace = progress.step / progress.seconds if progress.seconds else 0.0
        left = tqdm.format_interval((steps - progress.step) / pace) if pace else "?"
        losses = "  ".join(f"{name} {loss:.4f}" for name, loss in progress.losses.items())
        say(f"step {progress.step:,} of {steps:,}  {losses}  {pace:.3g} steps/s  {left} left")

    return report
