"""A group norm and SiLU by PyTorch."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from genwright.kernels.group_norm_silu.reference import group_norm_silu

X = torch.tensor([[[1.0, 3.0], [5.0, 7.0]], [[0.0, 2.0], [2.0, 4.0]]])
WEIGHT, BIAS = torch.tensor([1.0, 2.0]), torch.tensor([0.0, 0.5])


def test_each_group_is_normed_by_itself() -> None:
    unit = torch.tensor([[[-1.0, 1.0], [-1.0, 1.0]], [[-1.0, 1.0], [-1.0, 1.0]]])
    expected = F.silu(unit * WEIGHT[:, None] + BIAS[:, None])
    torch.testing.assert_close(group_norm_silu(X, 2, WEIGHT, BIAS), expected, rtol=1e-4, atol=1e-4)


def test_a_sample_is_scaled_and_shifted_before_the_activation() -> None:
    scale, shift = torch.tensor([[2.0, 0.0], [1.0, 1.0]]), torch.tensor([[0.0, 3.0], [0.0, 0.0]])
    found = group_norm_silu(X, 1, WEIGHT, BIAS, scale=scale, shift=shift)
    normed = F.group_norm(X, 1, WEIGHT, BIAS)
    torch.testing.assert_close(found, F.silu(normed * scale[..., None] + shift[..., None]))
    assert torch.equal(found[1], group_norm_silu(X[1:], 1, WEIGHT, BIAS)[0])
