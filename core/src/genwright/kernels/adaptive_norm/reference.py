"""Gate, residual, norm and modulation by PyTorch."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

__all__ = ["EPSILON", "adaptive_norm"]

EPSILON = 2.0**-23
"""What is added to the mean square of a row: what PyTorch adds if nothing is said, to float32."""


def adaptive_norm(
    x: Float[Tensor, "B T D"],
    *,
    scale: Float[Tensor, "B 1 D"] | None = None,
    shift: Float[Tensor, "B 1 D"] | None = None,
    update: Float[Tensor, "B T D"] | None = None,
    gate: Float[Tensor, "B 1 D"] | None = None,
    weight: Float[Tensor, " D"] | None = None,
) -> tuple[Float[Tensor, "B T D"], Float[Tensor, "B T D"]]:
    """Return the stream x + gate update, and the stream with a root mean square of 1, scaled, shifted and weighted.

    scale, shift: both or neither; the norm is multiplied by the scale, then the shift is added
    update:       what a part of the network adds to the stream; none for nothing, and the stream is x itself
    gate:         by what it is multiplied before; none for one
    weight:       by what the result is multiplied

    Sources: Peebles and Xie (2022), arXiv:2212.09748; Zhang and Sennrich (2019), arXiv:1910.07467, for the norm.
    """
    if update is not None:
        x = x + (update if gate is None else gate * update)
    unit = F.rms_norm(x, x.shape[-1:], eps=EPSILON)
    if scale is not None and shift is not None:
        unit = torch.addcmul(shift, unit, scale)
    return x, unit if weight is None else unit * weight
