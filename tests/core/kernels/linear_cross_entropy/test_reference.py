"""Cross-entropy of a linear map by PyTorch."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from genwright.kernels.linear_cross_entropy.reference import even, linear_cross_entropy

NOISE = torch.Generator().manual_seed(1)
HIDDEN, WEIGHT = (torch.randn(n, 3, generator=NOISE, dtype=torch.float64, requires_grad=True) for n in (5, 4))
TARGETS = torch.tensor([0, 3, -100, 2, 1])


def test_it_is_the_mean_of_what_rows_cost() -> None:
    found = linear_cross_entropy(HIDDEN.float(), WEIGHT.float(), TARGETS)
    torch.testing.assert_close(found, F.cross_entropy(HIDDEN.float() @ WEIGHT.float().T, TARGETS))
    assert even(TARGETS, -100).tolist() == [0.25, 0.25, 0.0, 0.25, 0.25]
    assert linear_cross_entropy(HIDDEN.float(), WEIGHT.float(), torch.full((5,), -100)).isnan()


def test_shares_weigh_rows() -> None:
    shares = torch.tensor([0.0, 2.0, 1.0, 0.0, 0.0])
    found = linear_cross_entropy(HIDDEN.float(), WEIGHT.float(), TARGETS, shares=shares)
    torch.testing.assert_close(found, 2 * F.cross_entropy(HIDDEN[1:2].float() @ WEIGHT.float().T, TARGETS[1:2]))


def test_gradients_are_those_of_finite_differences() -> None:
    shares = torch.linspace(-1, 1, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda h, w, s: linear_cross_entropy(h, w, TARGETS, shares=s), (HIDDEN, WEIGHT, shares)
    )
