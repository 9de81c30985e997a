from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from genwright.encoders.learned import Codes, Latent, Learned
from genwright.errors import DataError, MismatchError, OptionError, ShapeError
from genwright.known import around, is_free, part, read, written
from genwright.recipe import Component, use
from genwright.samplers.denoise import Euler
from genwright.samplers.inpainting import Inpainted
from genwright.seeds import Noise
from genwright.space import Continuous, Tokens
from genwright.testing.toys import ROUNDS, Letters, toy_registry


class Numbers(Letters):
    """Rounds as numbers, in two channels."""

    @property
    def space(self) -> Continuous:  # type: ignore[override]
        return Continuous(shape=(2, 8), axes=("C", "X"))

    def encode(self, items: Sequence[str], *, noise: Noise | None = None) -> Tensor:
        tokens = super().encode(items, noise=noise).float()
        return torch.stack((tokens, -tokens), 1)


class Filled(Letters):
    """Rounds of one length, since nothing stops them, as tokens of some shape."""

    def __init__(self, *, shape: tuple[int, ...] = (8,)) -> None:
        super().__init__()
        self.shape = shape

    @property
    def space(self) -> Tokens:
        return Tokens(vocab_size=5, shape=self.shape)

    def encode(self, items: Sequence[str], *, noise: Noise | None = None) -> Tensor:
        return super().encode(items, noise=noise).view(-1, *self.shape)


def filled(*shape: int) -> Filled:
    found = Filled(shape=shape)
    found.fit(ROUNDS)
    return found


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


def test_a_mask_may_tell_channels_apart_and_be_of_0_and_1(encoder: Numbers) -> None:
    free = np.zeros((2, 8), dtype=np.uint8)
    free[1] = 1
    found = part(encoder, "abcd", free)
    assert bool(found[0].isfinite().all())
    assert bool(found[1].isnan().all())


@pytest.mark.parametrize("shape", [(), (1,), (7,), (1, 8), (2, 1), (3, 8), (1, 2, 8)])
def test_a_mask_of_another_shape_is_refused_though_it_could_be_broadcast(
    encoder: Numbers, shape: tuple[int, ...]
) -> None:
    wanted = rf"of a sample, \[2, 8\] or, for all channels alike, \[8\]; got {re.escape(str(list(shape)))}\. Make it as"
    with pytest.raises(ShapeError, match=wanted):
        part(encoder, "abcd", np.ones(shape, dtype=bool))


def test_the_first_axis_is_left_out_only_if_it_is_the_channels(
    encoder: Numbers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Numbers, "space", Continuous(shape=(2, 8), axes=("Y", "X")))
    with pytest.raises(ShapeError, match=r"shape of a sample, \[2, 8\]; got \[8\]"):
        part(encoder, "abcd", [True] * 8)


@pytest.mark.parametrize(
    ("free", "came"),
    [
        ("lower half", "got 'lower half', of type <U10"),
        (None, "got None, of type object"),
        (["False"] * 8, r"got \['False', .*, of type <U5"),
        (np.full(8, np.nan), r"got array\(\[nan, .*, of type float64"),
        ([0.0, 1.0] * 4, r"got \[0\.0, 1\.0, .*, of type float64"),
        ([4, 5, 6, 7, 0, 1, 2, 3], r"got \[4, 5, 6, 7, 0, 1, 2, 3\], of type int64"),
        (np.array([0, 255] * 4, dtype=np.uint8), r"got array\(\[  0, 255, .*, of type uint8"),
        ([[1, 0], [1]], r"got \[\[1, 0\], \[1\]\]: .*inhomogeneous"),
        (torch.ones(8, requires_grad=True), r"got tensor\(.*requires grad"),
    ],
)
def test_a_mask_of_anything_but_truth_values_is_refused(encoder: Numbers, free: Any, came: str) -> None:
    """A list of the rows to draw was once taken for a mask, and so were the texts "False"."""
    with pytest.raises(OptionError, match=rf"(?s)truth values, or of 0 and 1, .*; {came}.* Make one with a comparison"):
        part(encoder, "abcd", free)


def test_a_mask_with_nothing_free_is_refused(encoder: Numbers) -> None:
    with pytest.raises(OptionError, match=r"is to be drawn; this one is true nowhere\. Free a part of it"):
        part(encoder, "abcd", [0] * 8)


@pytest.mark.parametrize(("item", "came"), [(7, "got 7, of type int"), (None, "got None, of type NoneType")])
def test_what_is_no_item_is_refused(encoder: Numbers, item: Any, came: str) -> None:
    with pytest.raises(OptionError, match=rf"an item of the model's domain, .*; {came}\. Read the item first"):
        part(encoder, item, [True] * 8)


def test_an_item_that_cannot_be_encoded_is_refused_by_the_encoder(encoder: Numbers) -> None:
    with pytest.raises(DataError, match="'xyz' has more than 8 letters, or others"):
        part(encoder, "xyz", [True] * 8)


def test_of_tokens_what_is_free_is_minus_1() -> None:
    found = part(filled(8), "abcd", [False] * 3 + [True] * 5)
    assert found.dtype == torch.int64
    assert found.tolist() == [1, 2, 3, -1, -1, -1, -1, -1]


def test_channels_of_tokens_come_last() -> None:
    found = part(filled(2, 2, 2), "abcdabcd", [[False, True], [True, False]])
    assert found.tolist() == [[[1, 2], [-1, -1]], [[-1, -1], [3, 4]]]
    free = np.zeros((2, 2, 2), dtype=bool)
    free[1, 1, 0] = True
    assert part(filled(2, 2, 2), "abcdabcd", free).tolist() == [[[1, 2], [3, 4]], [[1, 2], [-1, 4]]]


@pytest.mark.parametrize(
    ("shape", "mask", "wanted"),
    [
        ((2, 2, 2), (2,), r"\[2, 2, 2\] or, for all channels alike, \[2, 2\]; got \[2\]"),
        ((2, 2, 2), (2, 2, 1), r"all channels alike, \[2, 2\]; got \[2, 2, 1\]"),
        ((2, 4), (2,), r"shape of a sample, \[2, 4\]; got \[2\]"),
        ((2, 4), (4,), r"shape of a sample, \[2, 4\]; got \[4\]"),
    ],
)
def test_a_mask_of_another_shape_is_refused_for_tokens_too(
    shape: tuple[int, ...], mask: tuple[int, ...], wanted: str
) -> None:
    with pytest.raises(ShapeError, match=wanted):
        part(filled(*shape), "abcd", np.ones(mask, dtype=bool))


def test_tokens_that_a_stop_may_end_have_no_such_part() -> None:
    encoder = Letters()
    encoder.fit(ROUNDS)
    with pytest.raises(MismatchError, match=r"all items have one length; .* Ask for a start, .* where=\{'prefix': …\}"):
        part(encoder, "abcd", [True] * 8)


@pytest.mark.parametrize("kind", [Latent, Codes])
def test_a_part_of_an_item_is_no_part_of_its_latents(kind: type[Learned[str]]) -> None:
    """A mask of the latents' shape was once taken, and what was drawn had nothing of the item to the bit."""
    encoder = kind(registry=toy_registry(), domain="rounds", model="rounds/inner")
    with pytest.raises(MismatchError, match=r"latents of 'rounds/inner', .* whose encoder is neither latent nor codes"):
        part(encoder, "abcd", [True] * 8)


def test_what_is_free_is_found_again(encoder: Numbers) -> None:
    free = [False, True] * 4
    assert is_free(part(encoder, "abcd", free)).tolist() == [free, free]
    assert is_free(part(filled(8), "abcd", free)).tolist() == free


def test_a_part_comes_back_from_its_text_to_the_bit() -> None:
    known = torch.tensor([[0.1, torch.nan], [1e-30, -3.0]])
    assert torch.equal(read(written(known)).nan_to_num(7.0), known.nan_to_num(7.0))


@pytest.mark.parametrize("dtype", [torch.int64, torch.int32])
def test_tokens_come_back_from_their_text_as_whole_numbers(dtype: torch.dtype) -> None:
    known = torch.tensor([[3, -1], [2**31 - 1, 0]], dtype=dtype)
    assert read(written(known)).dtype == dtype
    assert torch.equal(read(written(known)), known)


@pytest.mark.parametrize("text", ["", "abc", "bm8=", "é"])
def test_another_text_is_refused(text: str) -> None:
    with pytest.raises(OptionError, match=r"given is a text that Genwright wrote; got .* known=\(item, free\)"):
        read(text)


def test_the_sampler_around_a_part_is_plain_data_that_makes_it_again(encoder: Numbers) -> None:
    found = around(encoder, "abcd", [True] * 8, sampler=use("euler", steps=3))
    assert Component.read(found.to_json()).to_json() == found.to_json()
    made = Inpainted(inner=Euler(steps=3), known=found.options["known"])
    assert torch.equal(made.known.isnan(), torch.ones(2, 8, dtype=torch.bool))
