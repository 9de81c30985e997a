"""The reference of attention of one query a row, against PyTorch's own."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from genwright.errors import OptionError, ShapeError
from genwright.kernels.decode_attention.reference import decode_attention


def inputs(size: int) -> tuple[Tensor, Tensor, Tensor]:
    noise = torch.Generator().manual_seed(1)
    shapes = (3, 4, 8), (3, 2, size, 8), (3, 2, size, 8)
    q, k, v = (torch.randn(shape, generator=noise, dtype=torch.float64) for shape in shapes)
    return q, k, v


def test_it_is_what_pytorch_computes() -> None:
    q, k, v = inputs(7)
    expected = F.scaled_dot_product_attention(q[:, :, None], k, v, enable_gqa=True, scale=0.4)[:, :, 0]
    torch.testing.assert_close(decode_attention(q, k, v, scale=0.4), expected)


@pytest.mark.parametrize("rubbish", [1e30, math.nan, math.inf])
def test_places_that_are_not_filled_do_not_matter(rubbish: float) -> None:
    q, k, v = inputs(7)
    k[0], v[0] = rubbish, rubbish
    k[1, :, 4:], v[1, :, 4:] = rubbish, rubbish
    found = decode_attention(q, k, v, lengths=torch.tensor([0, 4, 7], dtype=torch.int32))
    assert torch.equal(found[0], torch.zeros(4, 8, dtype=torch.float64))
    torch.testing.assert_close(found[1:2], decode_attention(q[1:2], k[1:2, :, :4], v[1:2, :, :4]))
    torch.testing.assert_close(found[2:], decode_attention(q[2:], k[2:], v[2:]))


def test_what_does_not_fit_is_refused() -> None:
    q, k, v = inputs(7)
    with pytest.raises(ShapeError, match="got 3 query heads and 2 key heads"):
        decode_attention(q[:, :3], k, v)
    with pytest.raises(OptionError, match=r"a number above 0; got -1\.0"):
        decode_attention(q, k, v, scale=-1.0)
