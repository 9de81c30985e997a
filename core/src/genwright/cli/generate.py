"""`genwright generate`: draw samples from a model, record them and print them."""

from __future__ import annotations

import inspect
import json
import os
import shlex
import sys
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource
from tqdm import tqdm

import genwright as gw
from genwright.cli.output import json_option, say
from genwright.cli.parameters import PAIR, conditions, device_option, loaded_model, recording_options, values
from genwright.cli.served import kernels
from genwright.cli.streaming import check_stream, write_stream
from genwright.domain import Domain
from genwright.errors import DataError, StoreError
from genwright.folders import store_url
from genwright.options import given_to, parse
from genwright.recipe import Component
from genwright.registry import registry

if TYPE_CHECKING:
    from genwright.model import Model
    from genwright.run import Run
    from genwright.samples import Samples

__all__ = ["Tally", "generate"]

ToText = Callable[[Mapping[str, Any]], str]
_Origin = tuple[Any, Mapping[str, str]]

_DRAWN = 100


@dataclass(kw_only=True)
class Tally:
    """What was drawn so far, of `wanted`; `first` are the items that a grid shows.

    store: the URL of the store where it is recorded; None for nowhere
    """

    wanted: int
    store: str | None
    run: Run | None = None
    samples: int = 0
    valid: int = 0
    refused: int = 0
    first: list[Any] = field(default_factory=list)

    def add(self, batch: Samples[Any], kept: Samples[Any]) -> None:
        """Count a batch."""
        self.run = batch.run
        self.samples += len(batch)
        self.valid += sum(sample.is_valid for sample in batch)
        self.refused += sum(not all(review.passed for review in sample.reviews) for sample in batch)
        self.first += kept.items[: _DRAWN - len(self.first)]

    @property
    def resumption(self) -> str:
        """What is told where drawing is stopped."""
        if self.run is None or self.store is None:
            return "Stopped. Nothing that was drawn is recorded."
        advice = f"genwright runs resume {self.run.id}{_store_argument(self.store)}"
        return f"Stopped. {self.samples:,} of {self.wanted:,} samples are recorded. Go on with: {advice}"

    @property
    def summary(self) -> str:
        """What is told in the end."""
        assert self.run is not None
        counts = f"{self.samples:,} samples, {self.valid:,} valid"
        if self.refused:
            counts += f", {self.refused:,} refused by reviewers"
        if self.store is None:
            return f"{counts}, seed {self.run.seed}, not recorded."
        advice = f"genwright samples list --run {self.run.id}{_store_argument(self.store)}"
        return f"{counts}, run {self.run.id} in {self.store}. See them: {advice}"


def _store_argument(url: str) -> str:
    return "" if url == store_url() else f" --store {shlex.quote(url)}"


@click.command()
@click.argument("model")
@click.option("-n", "n", type=int, default=10, show_default=True, metavar="N", help="How many.")
@click.option("--seed", type=int, help="Decides the samples; a fresh one if not given.")
@click.option("--where", "asked", type=PAIR, multiple=True, help="Ask for something, such as logP=2.5.")
@click.option("--sampler", metavar="NAME", help="How to draw; as suits the model's encoder if not given.")
@click.option("-o", "options", type=PAIR, multiple=True, help="An option of the sampler; inner.NAME of one inside it.")
@click.option("--reviewer", "reviewers", multiple=True, metavar="NAME", help="Have the samples reviewed.")
@click.option("--output", type=click.Path(path_type=Path), help="Write the items to a new file, and print none.")
@click.option(
    "--grid", type=click.Path(path_type=Path), help=f"Draw the first {_DRAWN} items to a new .png or .svg file."
)
@click.option("--batch-size", type=int, default=1000, show_default=True, help="Samples recorded at once.")
@click.option(
    "--rows", type=int, help="Rows the network is given at once, 1 or a multiple of 16; may change last bits."
)
@click.option(
    "--precision",
    default="float32",
    show_default=True,
    help="float32, or bfloat16: other samples, faster for most models where the processor has it.",
)
@click.option(
    "--kernels",
    "served",
    multiple=True,
    metavar="NAME",
    help="Which kernels compute: reference, numba, … where there are such; invariant (samples are the same by any "
    "--rows); or OPERATION=NAME.",
)
@click.option("--stream", "as_drawn", is_flag=True, help="Write each sample while it is drawn, one after another.")
@click.option("--workers", type=int, default=1, show_default=True, help="Processes that draw; no influence on what.")
@device_option
@recording_options
@json_option
def generate(
    model: str,
    n: int,
    asked: Sequence[tuple[str, str]],
    sampler: str | None,
    options: Sequence[tuple[str, str]],
    output: Path | None,
    grid: Path | None,
    device: str,
    where: str | None,
    no_store: bool,
    workers: int,
    as_drawn: bool,
    as_json: bool,
    served: Sequence[str],
    **choices: Any,
) -> int:
    """Draw samples from MODEL, record them and print them, one a line.

    MODEL is the name of a model, of a domain (its default model), or a folder. Every sample is recorded. The valid ones
    are printed; with --json all are, each an object on a line of its own, flawed ones with their flaw.

    With --stream, samples of models that are read token by token are written while they are drawn: text as it comes,
    sound to a growing .wav or .flac, or as WAV to a pipe.
    """
    loaded = loaded_model(model, device)
    _check_files(output, grid, loaded.domain)
    given = {name: value for name, value in choices.items() if value is not None}
    given |= {
        "where": conditions(asked, loaded.domain),
        "sampler": _chosen(loaded, sampler, values(options)),
        "store": False if no_store else where,
        "device": device,
    }
    tally = Tally(wanted=n, store=None if no_store else where or store_url())
    if as_drawn:
        _stream(loaded, n, tally, output, given, kernels(served))
    else:
        with kernels(served):
            batches = gw.stream(loaded, n, engine=gw.use("local", workers=workers), **given)
        to_text = _to_json if as_json else _to_text if output is None else None
        _put(_kept(batches, tally, flawed=as_json, to_text=to_text), tally, output, loaded.domain)
    if grid is not None and tally.first:
        loaded.domain.render(tally.first, grid)
    say(tally.summary)
    return 0 if tally.valid else 1


def _stream(
    model: Model[Any],
    n: int,
    tally: Tally,
    output: Path | None,
    given: Mapping[str, Any],
    asked: AbstractContextManager[None],
) -> None:
    """Write samples while they are drawn."""
    source = click.get_current_context().get_parameter_source
    others = {option: source(name) is not ParameterSource.DEFAULT for name, option in _TOGETHER.items()}
    check_stream(model.domain, output, others)
    chosen = {name: value for name, value in given.items() if name not in _TOGETHER}
    with asked:
        stages = gw.stages(model, n, **chosen)
    write_stream(stages, tally, output, model.domain)


# What is for samples that are drawn together.
_TOGETHER = {
    "grid": "--grid",
    "as_json": "--json",
    "workers": "--workers",
    "rows": "--rows",
    "batch_size": "--batch-size",
    "precision": "--precision",
}


def _check_files(output: Path | None, grid: Path | None, domain: Domain[Any]) -> None:
    """Raise what would otherwise be raised only once everything is drawn."""
    for path in (path for path in (output, grid) if path is not None):
        if os.path.exists(path):
            raise DataError(f"{path} exists already, and nothing is overwritten. Choose another name.")
        if not path.parent.is_dir():
            raise DataError(f"{path} is to be a new file; there is no folder {path.parent}. Make it first.")
    if grid is not None and grid.suffix.lower() not in domain.pictures:
        raise DataError(f"{domain.name} are drawn as {', '.join(domain.pictures)}; got {grid.name}. Name it so.")


def _chosen(model: Model[Any], name: str | None, texts: Mapping[str, str]) -> Component:
    from genwright.generation import PLAINEST, suited

    family = registry().get("family", model.recipe.family.name)
    usual = suited(model, registry()) if name is None else Component(name)
    return _component(usual.name, texts, usual, family.sampler or PLAINEST[family.reads])


def _component(name: str, texts: Mapping[str, str], usual: Component, plainest: str) -> Component:
    """Return a sampler with options written as text; those of a sampler inside it begin with "inner.".

    usual:    whose options stay where the text says nothing, if the sampler is the same
    plainest: the sampler inside one that names none
    """
    target = registry().get("sampler", name).load()
    nests = "inner" in inspect.signature(target).parameters
    own = {key: text for key, text in texts.items() if not (nests and key.partition(".")[0] == "inner")}
    kept = usual.options if usual.name == name else {}
    options = {**kept, **parse(f"sampler {name!r}", target, own, given=given_to("sampler"))}
    if nests and len(own) < len(texts):
        within = Component.read(kept.get("inner") or plainest)
        inner = {key.removeprefix("inner."): text for key, text in texts.items() if key.startswith("inner.")}
        options["inner"] = _component(texts.get("inner", within.name), inner, within, plainest).to_json()
    return Component(name, options)


def _kept(batches: Generator[Samples[Any]], tally: Tally, *, flawed: bool, to_text: ToText | None) -> Iterator[_Origin]:
    """Yield the items to keep with their origins, each counted and printed; the memory needed is that of one batch."""
    with closing(batches), _bar(tally.wanted, prints=to_text is not None) as bar:
        for batch in batches:
            kept = batch if flawed else batch.valid
            tally.add(batch, kept)
            bar.update(len(batch))
            if to_text is not None and kept:
                click.echo("\n".join(map(to_text, kept.rows())))
            yield from kept.origins()


def _put(samples: Iterator[_Origin], tally: Tally, output: Path | None, domain: Domain[Any]) -> None:
    """Write the items, recorded ones with their origins, or only have them drawn; if stopped, say how to go on."""
    try:
        if output is None:
            deque(samples, maxlen=0)
        elif tally.store is None:
            domain.write((item for item, _ in samples), output)
        else:
            domain.export(samples, output)
    except (KeyboardInterrupt, BrokenPipeError, StoreError):
        if tally.samples < tally.wanted:
            say(tally.resumption)
        raise


def _to_json(row: Mapping[str, Any]) -> str:
    return json.dumps(row, ensure_ascii=False)


def _to_text(row: Mapping[str, Any]) -> str:
    return str(row["id"] if row["item"] is None else row["item"])


def _bar(n: int, *, prints: bool) -> tqdm[Any]:
    # Where the items themselves go to the same terminal, they are the progress.
    hidden = not sys.stderr.isatty() or (prints and sys.stdout.isatty())
    return tqdm(total=n, unit=" samples", leave=False, file=sys.stderr, disable=hidden)
