"""Gated products by PyTorch."""

from __future__ import annotations

import math

import pytest
import torch

from genwright.backbones.transformer import SwiGLU
from genwright.kernels.geglu.reference import geglu


def test_the_first_half_is_the_gate() -> None:
    hidden = torch.tensor([[2.0, -1.0, 10.0, 100.0]])
    gelu = [x * 0.5 * (1 + math.erf(x / math.sqrt(2))) for x in (2.0, -1.0)]
    assert geglu(hidden).tolist() == [pytest.approx([10 * gelu[0], 100 * gelu[1]])]


def test_with_silu_it_is_what_transformers_do() -> None:
    hidden = torch.linspace(-4, 4, 24).view(2, 12)
    assert torch.equal(geglu(hidden, activation="silu"), SwiGLU.activate(hidden))
