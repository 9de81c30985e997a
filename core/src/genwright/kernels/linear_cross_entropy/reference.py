"""Cross-entropy of a linear map by PyTorch."""

from __future__ import annotations

import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor

from genwright.kernels.cross_entropy import reference
from genwright.kernels.cross_entropy.reference import IGNORED

__all__ = ["even", "linear_cross_entropy"]


def linear_cross_entropy(
    hidden: Float[Tensor, "M D"],
    weight: Float[Tensor, "V D"],
    targets: Int64[Tensor, " M"],
    *,
    shares: Float[Tensor, " M"] | None = None,
    ignored: int = IGNORED,
) -> Float[Tensor, ""]:
    """Return what targets cost together, where the logits of a row are its activations times the weight.

    shares:  by what each row's cost is multiplied before they are summed; None for their mean
    ignored: the target of rows that cost nothing and do not count in a mean, which is NaN of none

    Costs are those of `genwright.kernels.cross_entropy.reference`, and sums in float32, or float64 if the inputs are.
    """
    losses = reference.cross_entropy(F.linear(hidden, weight), targets, ignored=ignored)
    return (losses * (even(targets, ignored) if shares is None else shares)).sum()


def even(targets: Int64[Tensor, " M"], ignored: int) -> Float[Tensor, " M"]:
    """Return shares whose sum is a mean over rows that are not ignored."""
    counted = (targets != ignored).float()
    return counted / counted.sum()
