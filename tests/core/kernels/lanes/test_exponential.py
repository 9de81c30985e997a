"""Exponentials against those of PyTorch in float64."""

from __future__ import annotations

import math

import pytest
import torch

pytest.importorskip("numba", reason="its loops need numba")
from genwright.kernels import lanes
from genwright.kernels.lanes import FLOAT, WIDTH
from tests.core.kernels.lanes.memory import written


@lanes.compiled
def exponentials(x: int, out: int) -> None:
    lanes.store(lanes.numbers(FLOAT, out), 0, lanes.exp(lanes.load(lanes.numbers(FLOAT, x), 0)))


@lanes.compiled
def powers(x: int, out: int) -> None:
    lanes.store(lanes.numbers(FLOAT, out), 0, lanes.exp2(lanes.load(lanes.numbers(FLOAT, x), 0)))


def test_exponentials_are_exact_to_seven_digits() -> None:
    for x in 175.6 * torch.rand(200, WIDTH, generator=torch.Generator().manual_seed(2)) - 87.3:
        found = written(exponentials, x.data_ptr()).double()
        assert torch.allclose(found, x.double().exp(), rtol=8e-8, atol=0)


def test_exponentials_of_what_is_low_are_0_of_0_1_and_of_nan_nan() -> None:
    x = torch.tensor([0.0, -0.0, -1e-9, -87.7, -1e30, -math.inf, math.nan] + [-1.0] * 9)
    assert written(exponentials, x.data_ptr())[:6].tolist() == [1, 1, 1, 0, 0, 0]
    assert written(exponentials, x.data_ptr())[6].isnan()


def test_powers_of_two_are_exact_to_seven_digits() -> None:
    for x in 253.4 * torch.rand(200, WIDTH, generator=torch.Generator().manual_seed(2)) - 126:
        found = written(powers, x.data_ptr()).double()
        assert torch.allclose(found, x.double().exp2(), rtol=8e-8, atol=0)


def test_powers_of_what_is_low_are_0_of_0_1_and_of_nan_nan() -> None:
    x = torch.tensor([0.0, -0.0, 1.0, -126.6, -1e30, -math.inf, math.nan] + [-1.0] * 9)
    assert written(powers, x.data_ptr())[:6].tolist() == [1, 1, 2, 0, 0, 0]
    assert written(powers, x.data_ptr())[6].isnan()
