"""Cross-entropy of a linear map by chunks, of which Triton makes losses and the gradient in the logits' place."""

from __future__ import annotations

from torch import Tensor

from genwright.kernels.cross_entropy.kernel import write_gradient, write_losses
from genwright.kernels.cross_entropy.reference import IGNORED
from genwright.kernels.linear_cross_entropy.chunked import by_chunks

__all__ = ["linear_cross_entropy"]


def linear_cross_entropy(
    hidden: Tensor, weight: Tensor, targets: Tensor, *, shares: Tensor | None = None, ignored: int = IGNORED
) -> Tensor:
    """Return what the reference gives."""
    return by_chunks(_rows, hidden, weight, targets, shares, ignored)


def _rows(logits: Tensor, targets: Tensor, shares: Tensor | None, ignored: int) -> Tensor:
    losses, sums = write_losses(logits, targets, ignored)
    if shares is not None:
        write_gradient(logits, logits, sums, shares, targets, ignored)
    return losses
