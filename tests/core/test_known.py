from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch import Tensor

from genwright.errors import MismatchError, OptionError, ShapeError
from genwright.known import around, part, read, written
from genwright.recipe import Component, use
from genwright.samplers.denoise import Euler
from genwright.samplers.inpainting import Inpainted
from genwright.seeds import Noise
from genwright.space import Continuous
from genwright.testing.toys import ROUNDS, Letters


class Numbers(Letters):
    """Rounds as numbers, in two channels."""

    @property
    def space(self) -> Continuous:  # type: ignore[override]
        return Continuous(shape=(2, 8), axes=("C", "X"))

    def encode(self, items: Sequence[str], *, noise: Noise | None = None) -> Tensor:
        tokens = super().encode(items, noise=noise).float()
        return torch.stack((tokens, -tokens), 1)


@pytest.fixture
def encoder() -> Numbers:
    found = Numbers()
    found.fit(ROUNDS)
    return found


def test_what_is_free_is_nan_and_the_rest_is_as_encoded(encoder: Numbers) -> None:
    free = [False] * 3 + [True] * 5
    found = part(encoder, "abcd", free)
    assert found.shape == (2, 8)
    assert found[:, :3].tolist() == [[1, 2, 3], [-1, -2, -3]]
    assert bool(found[:, 3:].isnan().all())


def test_a_mask_may_tell_channels_apart_and_be_of_numbers(encoder: Numbers) -> None:
    free = np.zeros((2, 8), dtype=np.uint8)
    free[1] = 255
    found = part(encoder, "abcd", free)
    assert bool(found[0].isfinite().all())
    assert bool(found[1].isnan().all())


@pytest.mark.parametrize("shape", [(7,), (3, 8), (1, 2, 8)])
def test_a_mask_of_another_shape_is_refused(encoder: Numbers, shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match=r"free of a sample, \[2, 8\], or of its last axes; got .*Make it as large"):
        part(encoder, "abcd", np.ones(shape))


def test_tokens_have_no_such_part() -> None:
    encoder = Letters()
    encoder.fit(ROUNDS)
    with pytest.raises(MismatchError, match=r"encoded as numbers; this model's are tokens\. Ask for a start"):
        part(encoder, "abcd", [True] * 8)


def test_a_part_comes_back_from_its_text_to_the_bit() -> None:
    known = torch.tensor([[0.1, torch.nan], [1e-30, -3.0]])
    assert torch.equal(read(written(known)).nan_to_num(7.0), known.nan_to_num(7.0))


@pytest.mark.parametrize("text", ["", "abc", "bm8=", "é"])
def test_another_text_is_refused(text: str) -> None:
    with pytest.raises(OptionError, match=r"given is a text that Genwright wrote; got .* known=\(item, free\)"):
        read(text)


def test_the_sampler_around_a_part_is_plain_data_that_makes_it_again(encoder: Numbers) -> None:
    found = around(encoder, "abcd", [True] * 8, sampler=use("euler", steps=3))
    assert Component.read(found.to_json()).to_json() == found.to_json()
    made = Inpainted(inner=Euler(steps=3), known=found.options["known"])
    assert torch.equal(made.known.isnan(), torch.ones(2, 8, dtype=torch.bool))
