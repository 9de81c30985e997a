"""The weights of a convolution in other forms."""

from __future__ import annotations

import pytest
import torch

from genwright.kernels.convolution.packed import Packed


def test_sums_are_made_once_and_in_float32() -> None:
    pytest.importorskip("numba", reason="its loops need numba")
    packed = Packed(weight=torch.ones(32, 16, 3, 3, dtype=torch.bfloat16))
    assert (packed.sums.shape, packed.sums.dtype) == ((36, 2, 16, 16), torch.float32)
    assert packed.sums is packed.sums
    # What is at the last of the places is the last weight itself.
    assert (packed.sums[-1] == 1).all()


def test_no_bias_is_zeros() -> None:
    assert Packed(weight=torch.ones(2, 1, 3, 3)).added.tolist() == [0.0, 0.0]
    assert Packed(weight=torch.ones(1, 1, 3, 3), bias=torch.tensor([2.5]).half()).added.tolist() == [2.5]
