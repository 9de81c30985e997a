"""The reference of attention, against PyTorch's own and by hand."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from genwright.errors import OptionError, ShapeError
from genwright.kernels.attention.reference import attention, seen


def inputs(heads: int, kept: int, queries: int, keys: int, width: int = 8) -> tuple[Tensor, Tensor, Tensor]:
    noise = torch.Generator().manual_seed(5)
    shapes = (2, heads, queries, width), (2, kept, keys, width), (2, kept, keys, width)
    q, k, v = (torch.randn(shape, generator=noise, dtype=torch.float64) for shape in shapes)
    return q, k, v


@pytest.mark.parametrize("causal", [False, True])
def test_it_is_what_pytorch_computes(causal: bool) -> None:
    q, k, v = inputs(4, 2, 9, 9)
    expected = F.scaled_dot_product_attention(q, k, v, is_causal=causal, enable_gqa=True, scale=0.7)
    torch.testing.assert_close(attention(q, k, v, causal=causal, scale=0.7), expected)


def test_a_bias_is_added_to_scores() -> None:
    q, k, v = inputs(2, 2, 5, 7)
    bias = torch.randn(1, 2, 1, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    expected = F.scaled_dot_product_attention(q, k, v, attn_mask=bias)
    torch.testing.assert_close(attention(q, k, v, bias=bias), expected)


def test_a_causal_window_shows_the_last_keys() -> None:
    found = seen(3, 5, starts=None, causal=True, window=2)
    assert found.int().tolist() == [[0, 1, 1, 0, 0], [0, 0, 1, 1, 0], [0, 0, 0, 1, 1]]


def test_a_window_shows_keys_on_both_sides() -> None:
    assert seen(3, 3, starts=None, causal=False, window=2).int().tolist() == [[1, 1, 0], [1, 1, 1], [0, 1, 1]]


def test_packed_sequences_gather_what_each_does_alone() -> None:
    q, k, v = (x[:1] for x in inputs(2, 2, 9, 9))
    found = attention(q, k, v, starts=torch.tensor([0, 4, 4, 9], dtype=torch.int32), causal=True)
    alone = [attention(q[:, :, part], k[:, :, part], v[:, :, part], causal=True) for part in (slice(4), slice(4, 9))]
    torch.testing.assert_close(found, torch.cat(alone, 2))


def test_a_query_that_sees_no_key_gathers_zeros_and_has_no_gradient() -> None:
    q, k, v = (x.requires_grad_() for x in inputs(1, 1, 4, 2))
    found = attention(q, k, v, causal=True)
    assert torch.equal(found[:, :, :2], torch.zeros(2, 1, 2, 8, dtype=torch.float64))
    gradients = torch.autograd.grad(found.sum(), (q, k, v))
    assert torch.equal(gradients[0][:, :, :2], torch.zeros(2, 1, 2, 8, dtype=torch.float64))
    assert all(gradient.isfinite().all() for gradient in gradients)


def test_a_key_with_a_bias_of_minus_infinity_is_not_seen() -> None:
    q, k, v = inputs(1, 1, 3, 4)
    bias = torch.zeros(1, 1, 3, 4, dtype=torch.float64)
    bias[..., 2] = -math.inf
    kept = [0, 1, 3]
    torch.testing.assert_close(attention(q, k, v, bias=bias), attention(q, k[:, :, kept], v[:, :, kept]))
    assert torch.equal(attention(q, k, v, bias=torch.full_like(bias, -math.inf)), torch.zeros_like(q))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_seen_does_not_reach_a_result(value: float) -> None:
    q, k, v = inputs(1, 1, 6, 6)
    expected = attention(q, k, v, causal=True)
    k[:, :, 4], v[:, :, 4] = value, value
    found = attention(q, k, v, causal=True)
    assert torch.equal(found[:, :, :4], expected[:, :, :4])
    assert not found[:, :, 4:].isfinite().any()


def test_nan_in_a_query_stays_in_its_row() -> None:
    q, k, v = inputs(1, 1, 3, 3)
    q[0, 0, 1, 0] = math.nan
    assert attention(q, k, v).isnan().any(-1).tolist() == [[[False, True, False]], [[False, False, False]]]


def test_half_precision_is_summed_in_float32() -> None:
    q, k, v = (x.half() for x in inputs(2, 1, 40, 50))
    assert torch.equal(attention(q, k, v), attention(q.float(), k.float(), v.float()).half())


def test_nothing_gathers_nothing() -> None:
    q, k, v = inputs(2, 1, 3, 0)
    assert torch.equal(attention(q, k, v), torch.zeros_like(q))
    assert attention(q[:0], k[:0], v[:0]).shape == (0, 2, 3, 8)


@pytest.mark.parametrize(
    ("shapes", "keywords", "message"),
    [
        (((1, 3, 4, 8), (1, 2, 4, 8)), {}, "got 3 query heads and 2 key heads"),
        (((1, 2, 4, 8), (1, 0, 4, 8)), {}, "got 2 query heads and 0 key heads"),
        (
            ((2, 2, 4, 8), (2, 2, 4, 8)),
            {"starts": torch.tensor([0, 4], dtype=torch.int32)},
            "packed attention needs one",
        ),
        (((1, 2, 4, 8), (1, 2, 5, 8)), {"starts": torch.tensor([0, 4], dtype=torch.int32)}, "Lay the sequences end to"),
        (((1, 1, 4, 8), (1, 1, 4, 8)), {"starts": torch.tensor([0, 5, 3, 4], dtype=torch.int32)}, "rise from 0"),
        (((1, 1, 4, 8), (1, 1, 4, 8)), {"starts": torch.tensor([1, 4], dtype=torch.int32)}, "got [1, 4]. Take"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(
    shapes: tuple[tuple[int, ...], tuple[int, ...]], keywords: dict[str, Any], message: str
) -> None:
    with pytest.raises(ShapeError, match=re.escape(message)):
        attention(torch.zeros(shapes[0]), torch.zeros(shapes[1]), torch.zeros(shapes[1]), **keywords)


@pytest.mark.parametrize(
    ("keywords", "message"), [({"window": 0}, "got 0. Use window"), ({"scale": 0.0}, "got 0.0. Use")]
)
def test_options_out_of_range_are_refused(keywords: dict[str, Any], message: str) -> None:
    x = torch.zeros(1, 1, 4, 8)
    with pytest.raises(OptionError, match=re.escape(message)):
        attention(x, x, x, **keywords)
