"""How fast the models that ship draw: molecules, images, and sound beside the time that it lasts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, final

import torch

from benchmarks import shipped
from benchmarks.cases.kernels.machine import usual_device
from benchmarks.cases.sampling.turns import turns, unit
from benchmarks.clock import Repeated
from benchmarks.row import Row
from benchmarks.setting import Setting
from genwright import library
from genwright.errors import GenwrightError
from genwright.generation import Generation, suited, threads
from genwright.kernels.record import told
from genwright.model import Model
from genwright.registry import registry

__all__ = ["MODELS", "TESTS", "Drawn", "generation", "rows"]

TESTS = ("tests/core/test_generation.py", "tests/benchmarks/cases/sampling")

_SECTION = "drawn"


@final
@dataclass(frozen=True, kw_only=True)
class Drawn:
    """A model that ships, and what of it is counted.

    rows:  at once on a processor, and on a GPU
    calls: how many calls of so many rows are drawn on a processor
    """

    name: str
    what: str
    rows: tuple[int, int] = (16, 512)
    calls: int = 1


MODELS = (
    Drawn(name="molecules/druglike", what="molecules", rows=(128, 1024), calls=4),
    Drawn(name="images/fashion", what="images"),
    Drawn(name="images/fashion-student", what="images"),
    Drawn(name="images/fashion-gan", what="images"),
    Drawn(name="images/fashion-pixels", what="images"),
    Drawn(name="images/digits", what="images"),
    Drawn(name="images/emoji", what="images"),
    Drawn(name="audio/digits", what="seconds of sound", rows=(16, 128)),
    Drawn(name="audio/drums", what="seconds of sound", rows=(16, 128)),
)


def rows(setting: Setting) -> Iterator[Row]:
    """Yield what each model draws a second, decoded, by the sampler that suits it."""
    device = usual_device()
    for drawn in MODELS:
        if setting.model in ("sampling", drawn.name):
            yield _row(drawn, setting, device)


def generation(name: str, setting: Setting, device: torch.device, *, rows: int, threads: int = 1) -> Generation[Any]:
    """Return what draws from a model that ships, by the sampler that suits it.

    Raises Missing with what keeps it from being loaded: its plugin or a package that this needs may not be here.
    """
    known = registry()
    try:
        model: Model[Any] = Model.load(library.find(name, known), known, device=str(device))
    except (GenwrightError, ImportError) as error:
        raise shipped.Missing(str(error)) from error
    return Generation(
        model=model,
        sampler=suited(model, known),
        where={},
        seed=setting.seed,
        rows=rows,
        threads=threads,
        registry=known,
    )


def _row(drawn: Drawn, setting: Setting, device: torch.device) -> Row:
    on_gpu = device.type == "cuda"
    count = 16 if setting.smoke else drawn.rows[on_gpu]
    name = f"{drawn.name}: {drawn.what}, {count} rows"
    if setting.is_late:
        return Row(section=_SECTION, name=name, value=None, note="The time allowed had passed.")
    try:
        made = generation(drawn.name, setting, device, rows=count)
    except shipped.Missing as missing:
        return Row(section=_SECTION, name=name, value=None, note=str(missing))
    # Of several calls a GPU launches the later ones as one graph each.
    calls = 1 if setting.smoke else 4 if on_gpu else drawn.calls
    rate, items = _rate(made, count * calls, device, setting)
    each = _lasting(items) if drawn.what == "seconds of sound" else 1.0
    low, high = rate.spread
    return Row(
        section=_SECTION,
        name=name,
        value=rate.median * each,
        unit=unit(device),
        spread=(low * each, high * each),
        note=f"{count * calls:,} samples, decoded; {told(made.chosen) or 'no kernels served'}.",
    )


def _rate(made: Generation[Any], count: int, device: torch.device, setting: Setting) -> tuple[Repeated, Sequence[Any]]:
    items: list[Any] = []

    def draw() -> None:
        items[:] = made.items(range(count))

    with threads(1):
        found = turns({"": draw}, count, device, repetitions=1 if setting.smoke else 2, warm=not setting.smoke)
    return found[""], items


def _lasting(items: Sequence[Any]) -> float:
    """Return how many seconds a sound lasts, on average."""
    seconds: float = sum(len(item.wave) / item.rate for item in items)
    return seconds / len(items)
