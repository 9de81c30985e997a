"""The forms of a weight."""

from __future__ import annotations

import math

import pytest
import torch

from genwright.kernels.linear.packed import Packed

WEIGHT = torch.randn(6, 20, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_weight_that_16_bits_hold_is_kept_in_them(dtype: torch.dtype) -> None:
    for weight in (WEIGHT.to(dtype), WEIGHT.to(dtype).float(), WEIGHT.to(dtype).double()):
        narrow = Packed(weight=weight).narrow
        assert narrow.dtype == dtype
        assert torch.equal(narrow.to(weight.dtype), weight)


def test_a_weight_of_which_one_number_is_longer_is_kept_in_float32() -> None:
    weight = WEIGHT.half().float()
    weight[3, 7] = 1 + 2**-20
    assert Packed(weight=weight).narrow.dtype == torch.float32
    assert torch.equal(Packed(weight=weight).narrow, weight)


def test_what_is_not_finite_stays_so() -> None:
    weight = WEIGHT.clone()
    weight[0, 0], weight[1, 1] = math.nan, -math.inf
    assert torch.equal(Packed(weight=weight).narrow.isfinite(), weight.isfinite())


def test_a_narrow_form_is_made_once_and_lies_row_by_row() -> None:
    packed = Packed(weight=torch.nn.Parameter(WEIGHT.T))
    assert packed.narrow is packed.narrow
    assert packed.narrow.is_contiguous()
    assert not packed.narrow.requires_grad


def test_a_blocked_form_is_made_once_for_a_number_of_rows() -> None:
    if not hasattr(torch.ops.mkldnn, "_reorder_linear_weight"):
        pytest.skip("this PyTorch lays out no weights for oneDNN")
    packed = Packed(weight=WEIGHT)
    first = packed.blocked(16)
    assert packed.blocked(16) is first
    assert packed.blocked(32) is not first
    assert packed.blocked(16) is not first
