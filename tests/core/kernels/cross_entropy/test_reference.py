"""Cross-entropy by PyTorch."""

from __future__ import annotations

import math

import pytest
import torch

from genwright.kernels.cross_entropy.reference import cross_entropy


def test_a_row_costs_minus_the_logarithm_of_its_targets_probability() -> None:
    logits = torch.tensor([[0.1, 0.2, 0.7], [0.5, 0.25, 0.25]]).log()
    found = cross_entropy(logits, torch.tensor([2, 0]))
    torch.testing.assert_close(found, torch.tensor([-math.log(0.7), math.log(2)]))


def test_what_is_ignored_costs_nothing() -> None:
    assert cross_entropy(torch.zeros(2, 3), torch.tensor([-100, 1])).tolist() == [0, pytest.approx(math.log(3))]
    assert cross_entropy(torch.zeros(1, 3), torch.tensor([1]), ignored=1).tolist() == [0]


def test_sums_of_half_precision_are_in_float32() -> None:
    logits = torch.full((1, 5_000), 4.0, dtype=torch.float16)
    assert cross_entropy(logits, torch.tensor([0])).tolist() == [pytest.approx(math.log(5_000), rel=1e-6)]


def test_gradients_are_those_of_finite_differences() -> None:
    logits = torch.randn(4, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64, requires_grad=True)
    targets = torch.tensor([0, 5, -100, 2])
    assert torch.autograd.gradcheck(lambda x: cross_entropy(x, targets), logits)


def test_a_target_that_is_no_token_is_refused() -> None:
    with pytest.raises(IndexError, match="Target 3 is out of bounds"):
        cross_entropy(torch.zeros(1, 3), torch.tensor([3]))
