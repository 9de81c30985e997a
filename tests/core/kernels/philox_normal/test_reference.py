"""Unit normals by PyTorch."""

from __future__ import annotations

import torch

from genwright.kernels.philox_normal.reference import philox_normal
from genwright.seeds import Noise


def test_normals_are_those_of_noise() -> None:
    samples, steps = torch.tensor([3, 9]), torch.tensor([0, 4])
    assert torch.equal(philox_normal(5, "start", samples, 2, 7), Noise(5, samples).normal("start", 2, 7))
    assert torch.equal(philox_normal(5, "start", samples, steps, 7)[1], Noise(5, samples[1:]).normal("start", 4, 7)[0])
