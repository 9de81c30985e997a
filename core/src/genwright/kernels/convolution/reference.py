"""Convolutions of 3 by 3 by PyTorch."""

from __future__ import annotations

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from genwright.kernels.convolution.packed import Packed

__all__ = ["convolution"]


def convolution(x: Float[Tensor, "B C Y X"], packed: Packed) -> Float[Tensor, "B K Y X"]:
    """Return what each place gets from itself and those around it, of which there are zeros beyond the edges."""
    return F.conv2d(x, packed.weight, packed.bias, padding=1)
