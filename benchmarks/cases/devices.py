"""How many images a second the models that ship draw, on a GPU beside the processor of the same machine."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any, get_args

import torch

from benchmarks.clock import Repeated, interleaved
from benchmarks.row import Row
from benchmarks.setting import Setting
from genwright import generate, library
from genwright.generation import Precision
from genwright.model import Model
from genwright.registry import registry

__all__ = ["TESTS", "rows"]

TESTS = ("tests/core/test_seeds.py", "tests/core/test_generation.py")

_SECTION = "devices"
_MODELS = ("images/fashion", "images/fashion-student", "images/fashion-gan", "images/emoji", "images/fashion-pixels")
# As many as fill a GPU and a core. Rows a call are part of what decides a sample, so these are not the same samples.
_ROWS = {"cpu": 16, "cuda": 512}


def rows(setting: Setting) -> Iterator[Row]:
    """Yield images a second of each model in each precision, drawn by what suits it."""
    gpu = _gpu()
    if gpu is None:
        yield Row(section=_SECTION, name="images a second", value=None, note="torch finds no GPU on this machine.")
        return
    for name in _MODELS if setting.model == "gpu" else (setting.model,):
        checkpoint = library.find(name, registry())
        here, there = (Model.load(checkpoint, registry(), device=device) for device in _ROWS)
        core = _rate(here, _ROWS["cpu"], "float32", setting)
        for precision in _precisions(here):
            rate = _rate(there, _ROWS["cuda"], precision, setting)
            yield Row(
                section=_SECTION,
                name=f"{name}: images a second, {gpu}, {precision}",
                value=rate.median,
                spread=rate.spread,
                peers={"one thread of its processor, float32": core.median},
                note=f"{_ROWS['cuda']} rows, and {_ROWS['cpu']} of the processor; with decoding.",
            )


def _gpu() -> str | None:
    return torch.cuda.get_device_name() if torch.cuda.is_available() else None


def _rate(model: Model[Any], count: int, precision: Precision, setting: Setting) -> Repeated:
    def draw() -> object:
        return generate(model, count, seed=setting.seed, store=False, rows=count, precision=precision)

    (seconds,) = interleaved({"": draw}, repetitions=setting.scaled(3, 1), clock=time.perf_counter).values()
    return seconds.rate(count)


def _precisions(model: Model[Any]) -> Sequence[Precision]:
    reads = registry().get("family", model.recipe.family.name).reads
    return get_args(Precision) if reads != "next-token" else ("float32",)
