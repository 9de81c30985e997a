"""Convolutions of 3 by 3 by PyTorch."""

from __future__ import annotations

import torch

from genwright.kernels.convolution.packed import Packed
from genwright.kernels.convolution.reference import convolution


def test_each_place_gets_the_sum_of_those_around_it_and_the_bias() -> None:
    x = torch.arange(6.0).view(1, 1, 2, 3)
    found = convolution(x, Packed(weight=torch.ones(1, 1, 3, 3), bias=torch.tensor([100.0])))
    assert found.tolist() == [[[[108.0, 115.0, 112.0], [108.0, 115.0, 112.0]]]]
