"""Gated products by PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

__all__ = ["Activation", "geglu"]

Activation = Literal["silu", "gelu"]

_ACTIVATIONS: Mapping[str, Callable[[Tensor], Tensor]] = {"silu": F.silu, "gelu": F.gelu}


def geglu(hidden: Float[Tensor, "*rows H"], *, activation: Activation = "gelu") -> Float[Tensor, "*rows half"]:
    """Return the activation of the first half of the channels times the second half.

    activation: "gelu" by the error function, or "silu", with which it is called SwiGLU

    Source: Shazeer (2020), arXiv:2002.05202.
    """
    gate, value = hidden.chunk(2, -1)
    return _ACTIVATIONS[activation](gate) * value
