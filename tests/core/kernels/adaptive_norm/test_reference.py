"""Gate, residual, norm and modulation by PyTorch."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from genwright.kernels.adaptive_norm.reference import adaptive_norm

X = torch.tensor([[[3.0, 4.0]], [[-1.0, 1.0]]])
SCALE, SHIFT = torch.tensor([[[2.0, 0.0]], [[1.0, 3.0]]]), torch.tensor([[[0.5, 1.0]], [[0.0, -1.0]]])


def normed(x: Tensor, by: tuple[Tensor, Tensor] | None = None) -> Tensor:
    unit = F.rms_norm(x, x.shape[-1:])
    return torch.addcmul(by[1], unit, by[0]) if by else unit


def test_it_is_a_root_mean_square_norm_that_is_scaled_and_shifted() -> None:
    assert torch.equal(adaptive_norm(X)[1], normed(X))
    stream, found = adaptive_norm(X, scale=SCALE, shift=SHIFT)
    assert stream is X
    assert torch.equal(found, normed(X, (SCALE, SHIFT)))


def test_the_update_is_gated_and_added_before_the_norm_and_the_weight_comes_last() -> None:
    gate, weight = torch.tensor([[[0.0, 1.0]], [[2.0, 0.0]]]), torch.tensor([10.0, 1.0])
    stream, found = adaptive_norm(X, update=torch.ones(2, 1, 2), gate=gate, scale=SCALE, shift=SHIFT, weight=weight)
    assert stream.tolist() == [[[3.0, 5.0]], [[1.0, 1.0]]]
    assert torch.equal(found, normed(stream, (SCALE, SHIFT)) * weight)
    assert torch.equal(adaptive_norm(X, update=torch.ones(2, 1, 2))[0], X + 1)
