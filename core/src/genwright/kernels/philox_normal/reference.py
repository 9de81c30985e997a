"""Unit normals by PyTorch: what `Noise.normal` gives."""

from __future__ import annotations

from jaxtyping import Float, Int64
from torch import Tensor

from genwright.seeds import Noise

__all__ = ["philox_normal"]


def philox_normal(
    seed: int, purpose: str, samples: Int64[Tensor, " B"], step: int | Int64[Tensor, " B"], count: int
) -> Float[Tensor, "B count"]:
    """Return unit normals of some samples, which depend on seed, purpose, sample, step and place alone.

    step: one for all rows, or one a row; its lower 32 bits count
    """
    return Noise(seed, samples).normal(purpose, step, count)
