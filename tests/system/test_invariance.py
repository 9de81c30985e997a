"""Models that ship draw the same samples by any number of rows where kernels are to be invariant."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from torch import Tensor

from genwright import kernels
from genwright.generation import Generation, suited
from genwright.kernels.catalogue import operation, operations
from genwright.library import find
from genwright.model import Model
from genwright.readings import Condition, NextToken, Stream
from genwright.recipe import Component, use
from genwright.registry import registry
from genwright.space import ConditionSpace

TWO = use("dpm-solver++", steps=2)
CASES = {
    "a transformer": ("molecules/druglike", None),
    "a PixelCNN": ("images/fashion-pixels", None),
    "a WaveNet": ("audio/digits-wavenet", None),
    "a U-Net": ("images/fashion", TWO),
    "a student": ("images/fashion-student", None),
    "a DiT": ("audio/digits", TWO),
    "a DiT of latents": ("images/emoji", TWO),
    "convolutions, of a GAN": ("images/fashion-gan", None),
    "convolutions, of a VAE": ("images/emoji-vae", None),
    "dense layers": ("dense", TWO),
}
COUNT = 17


@dataclass(frozen=True)
class Beginning:
    """A reading of tokens whose rows end early."""

    inner: NextToken
    length: int = 12

    @property
    def start(self) -> int:
        return self.inner.start

    @property
    def stop(self) -> int | None:
        return self.inner.stop

    def open(self, condition: Condition) -> Stream:
        return self.inner.open(condition)


def generation(case: str, *, rows: int, precision: Any = "float32") -> Generation[Any]:
    name, sampler = CASES[case]
    model = dense() if name == "dense" else Model.load(find(name, registry()), registry())
    sampler = sampler or suited(model, registry())
    return Generation(
        model=model, sampler=sampler, where={}, seed=7, rows=rows, registry=registry(), precision=precision
    )


def dense() -> Model[Any]:
    images = Model.load(find("images/fashion", registry()), registry())
    backbone: Component = use("dense", width=40, depth=2)
    recipe = replace(images.recipe, family=use("flow"), backbone=backbone, conditions=())
    return Model.new(recipe, images.encoder, ConditionSpace(), registry())


def drawn(made: Generation[Any], *indices: int) -> Tensor:
    reading: Any = made.reading
    reading = Beginning(reading) if isinstance(reading, NextToken) else None
    return made.tensors(torch.tensor(indices), reading=reading)


def hide_numba(patch: pytest.MonkeyPatch) -> None:
    for name in operations():
        for other in operation(name).others:
            if other.name == "numba":
                patch.setitem(vars(other), "missing", "numba is not installed")


def check(case: str, **asked: Any) -> None:
    """Hold samples to be the same in any number of rows, in other places of them and beside others."""
    whole = drawn(generation(case, rows=32, **asked), *range(COUNT))
    some = drawn(generation(case, rows=16, **asked), 13, COUNT - 1)
    alone = drawn(generation(case, rows=1, **asked), COUNT - 1)
    assert torch.equal(some, whole[[13, COUNT - 1]])
    assert torch.equal(alone[0], whole[COUNT - 1])


@pytest.mark.parametrize("case", CASES)
def test_a_sample_is_the_same_by_any_number_of_rows(case: str) -> None:
    """It once differed by 1e-6, and without numba nothing could be drawn."""
    with kernels.use(invariant=True):
        check(case)


@pytest.mark.parametrize("case", CASES)
def test_it_is_without_loops_too(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    hide_numba(monkeypatch)
    with kernels.use(invariant=True):
        check(case)


@pytest.mark.parametrize("case", ["a transformer", "a DiT"])
def test_it_is_by_the_references_too(case: str) -> None:
    with kernels.use("reference", invariant=True):
        check(case)


@pytest.mark.parametrize("case", ["a transformer", "a DiT", "convolutions, of a GAN"])
def test_it_is_in_bfloat16_too(case: str) -> None:
    with kernels.use(invariant=True):
        check(case, precision="bfloat16")


@pytest.mark.parametrize("case", ["a U-Net", "a DiT of latents", "convolutions, of a VAE"])
def test_otherwise_rows_may_change_last_bits(case: str) -> None:
    """So the comparisons above can fail."""
    first, second = (drawn(generation(case, rows=rows), 0, 1, 2) for rows in (1, 16))
    assert not torch.equal(first, second)


@pytest.mark.parametrize("case", ["a transformer", "a U-Net"])
def test_it_changes_nothing_of_what_16_rows_draw(case: str) -> None:
    plain = generation(case, rows=16)
    with kernels.use(invariant=True):
        asked = generation(case, rows=128)
    assert torch.equal(drawn(asked, 0, 5), drawn(plain, 0, 5))
    assert asked.chosen == plain.chosen
