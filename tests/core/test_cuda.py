"""What a GPU must give: the draws of a CPU, and samples that depend on nothing else that is drawn with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from genwright.generation import Generation, suited
from genwright.library import find
from genwright.model import Model
from genwright.recipe import use
from genwright.registry import registry
from genwright.seeds import Noise
from genwright.testing.toys import toy_recipe, toy_registry
from genwright.trainer import Trainer
from genwright.training import prepared

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no GPU that torch can use"),
]


def test_draws_are_those_of_a_cpu_bit_for_bit() -> None:
    rows = Noise(7, torch.arange(5, 300))
    for purpose in ("bits", "uniform", "normal", "gumbel"):
        here, there = (getattr(noise, purpose)("test", 3, 1001) for noise in (rows, rows.to("cuda")))
        assert torch.equal(here, there.cpu()), purpose


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", ["fashion", "fashion-student", "fashion-gan", "emoji"])
def test_a_sample_is_drawn_again_alone(name: str, precision: Any) -> None:
    known = registry()
    model: Model[Any] = Model.load(find(f"images/{name}", known), known, device="cuda")
    made = Generation(
        model=model, sampler=suited(model, known), where={}, seed=7, rows=64, precision=precision, registry=known
    )
    all_of_them = list(made.items(range(150)))
    alone = list(made.items([131, 3]))
    assert [item.tobytes() for item in alone] == [all_of_them[131].tobytes(), all_of_them[3].tobytes()]


def test_tokens_are_drawn_again_alone(rounds_file: Path, toy_folder: Path) -> None:
    known = toy_registry()
    model: Model[Any] = Model.load(toy_folder, known, device="cuda")
    made = Generation(model=model, sampler=use("temperature"), where={}, seed=7, rows=16, registry=known)
    all_of_them = list(made.items(range(40)))
    assert list(made.items([31, 3])) == [all_of_them[31], all_of_them[3]]


def test_training_learns(rounds_file: Path) -> None:
    recipe, known = toy_recipe(rounds_file, steps=60), toy_registry()
    domain = known.get("domain", "rounds").load()()
    items = rounds_file.read_text(encoding="utf-8").splitlines()
    model, examples = prepared(recipe, domain, items, known)
    losses: list[float] = []
    trainer = Trainer(
        recipe,
        model.family,
        examples,
        accelerator="cuda",
        log_every=10,
        on_report=lambda progress: losses.append(progress.losses["loss"]),
    )
    trainer.run()
    assert losses[-1] < 0.5 * losses[0]
    assert next(model.family.parameters()).is_cuda
