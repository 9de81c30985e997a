"""A sampler that core knows nothing of keeps the contract and draws from diffusion and flow models alike."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from genwright.cli import main
from genwright.generation import Generation
from genwright.model import Model
from genwright.recipe import Recipe, use
from genwright.registry import registry
from genwright.space import ConditionSpace, Continuous
from genwright.testing.toys import Letters, toy_registry

EXAMPLE = Path(__file__).parents[2] / "examples" / "new_sampler"


@pytest.fixture
def adams(site: Path, install: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(EXAMPLE / "src", site, dirs_exist_ok=True)
    install("adams", "from genwright_adams.plugin import *\n")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")]))
    registry.cache_clear()


def test_it_passes_the_conformance_kit(adams: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plugins", "check", "adams", "--json"]) == 0
    names = [line["check"] for line in json.loads(capsys.readouterr().out)]
    assert "sampler adams-bashforth: a sample depends on no other" in names


def test_it_passes_its_own_tests() -> None:
    path = os.pathsep.join([str(EXAMPLE / "src"), *sys.path])
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(EXAMPLE / "tests")]
    done = subprocess.run(command, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


class Numbers(Letters):
    """Rounds as numbers, a model of which is a diffusion or flow model."""

    @property
    def space(self) -> Continuous:  # type: ignore[override]
        return Continuous(shape=(8,), axes=("X",))

    def decode(self, tensors: torch.Tensor) -> list[str]:
        return [" ".join(map(str, row)) for row in tensors.tolist()]


@pytest.mark.parametrize("family", ["diffusion", "flow"])
def test_a_sample_of_either_family_is_the_same_whatever_it_is_drawn_with(adams: None, family: str) -> None:
    drawn = drawn_with(family, "adams-bashforth")
    assert drawn(range(6)) == drawn(range(3)) + drawn([3, 4, 5])
    assert drawn([5, 2]) == [drawn(range(6))[at] for at in (5, 2)]
    assert drawn(range(3)) != drawn_with(family, "euler")(range(3))


def drawn_with(family: str, sampler: str) -> Callable[[Any], list[str]]:
    """Return what draws items of an untrained model with a sampler."""
    made = toy_registry(registry().get("sampler", "adams-bashforth"))
    recipe = Recipe(
        domain="rounds", data="", encoder=use("letters"), family=use(family), backbone=use("dense", width=32)
    )
    model: Model[str] = Model.new(recipe, Numbers(), ConditionSpace(), made)
    generation = Generation(model=model, sampler=use(sampler, steps=5), where={}, seed=3, rows=32, registry=made)
    return lambda indices: list(generation.items(indices))
