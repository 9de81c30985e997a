"""Cross-entropy by PyTorch."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor

__all__ = ["IGNORED", "cross_entropy"]

IGNORED = -100
"""The target of rows that cost nothing, unless another is given."""


def cross_entropy(
    logits: Float[Tensor, "M V"], targets: Int64[Tensor, " M"], *, ignored: int = IGNORED, in_place: bool = False
) -> Float[Tensor, " M"]:
    """Return what the target of each row costs: minus the logarithm of its probability, in nats.

    ignored:  the target of rows that cost nothing
    in_place: whether the gradient may take the place of the logits, which nothing else then needs: neither whoever made
              them, for gradients of its own, nor a second backward pass. What needs no such place does not take it

    Sums and results are in float32, or float64 if the logits are. A row with NaN or +infinity costs NaN, as does one of
    -infinity alone; a target of -infinity costs infinity. One that is no token raises IndexError, or costs NaN where
    that would have to wait for a GPU.
    """
    exact = torch.promote_types(logits.dtype, torch.float32)
    return F.cross_entropy(logits.to(exact), targets, ignore_index=ignored, reduction="none")
