"""Cross-entropy of a linear map, a chunk of rows after the other, so that neither all logits nor their gradient exist.

The gradients of activations and weight are computed on the way forward, where a chunk's logits are at hand, and scaled
on the way back. Source: Hsu et al. (2024), arXiv:2410.10989, for that order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from genwright.kernels.cross_entropy.reference import IGNORED
from genwright.kernels.linear_cross_entropy.reference import even

__all__ = ["Rows", "by_chunks", "linear_cross_entropy"]

Rows = Callable[[Tensor, Tensor, Tensor | None, int], Tensor]
"""Returns what each row of logits costs, by its target; with shares, the gradient takes the place of the logits."""

# Of 1,024 rows of width 256 and 16,384 tokens, chunks of 16 take 2.2 times as long as all at once (Zen 4, one thread).
_FEWEST = 256


def linear_cross_entropy(
    hidden: Tensor, weight: Tensor, targets: Tensor, *, shares: Tensor | None = None, ignored: int = IGNORED
) -> Tensor:
    """Return what the reference gives."""
    return by_chunks(_rows, hidden, weight, targets, shares, ignored)


def by_chunks(
    rows: Rows, hidden: Tensor, weight: Tensor, targets: Tensor, shares: Tensor | None, ignored: int
) -> Tensor:
    """Return what the reference gives, by what computes the rows of a chunk."""
    device = hidden.device.type
    if torch.is_autocast_enabled(device):
        # Once for all chunks; products inside find nothing left to cast.
        hidden, weight = (x.to(torch.get_autocast_dtype(device)) for x in (hidden, weight))
    learned = torch.is_grad_enabled() and (hidden.requires_grad or weight.requires_grad)
    shares = even(targets, ignored) if shares is None else shares
    total: Tensor = _Chunked.apply(hidden, weight, targets, shares, ignored, rows, learned)  # type: ignore[no-untyped-call]
    return total


class _Chunked(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,
        weight: Tensor,
        targets: Tensor,
        shares: Tensor,
        ignored: int,
        rows: Rows,
        learned: bool,
    ) -> Tensor:
        exact = torch.promote_types(hidden.dtype, torch.float32)
        # Shares of many rows are small, and in float16 gradients times them would be 0.
        largest = shares.abs().amax().clamp(min=torch.finfo(shares.dtype).tiny)
        losses = torch.empty(len(hidden), dtype=exact, device=hidden.device)
        d_hidden = torch.empty_like(hidden) if learned else None
        d_weight = torch.zeros(weight.shape, dtype=exact, device=hidden.device) if learned else None
        for at in _chunks(len(hidden), hidden.shape[1], len(weight)):
            logits = hidden[at] @ weight.T
            losses[at] = rows(logits, targets[at], shares[at] / largest if learned else None, ignored)
            if d_hidden is not None and d_weight is not None:
                d_hidden[at] = logits @ weight
                _add_product(d_weight, logits.T, hidden[at])
        ctx.dtypes = hidden.dtype, weight.dtype
        ctx.save_for_backward(d_hidden, d_weight, losses, largest)
        return (losses * shares).sum()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_total: Tensor) -> tuple[Tensor | None, ...]:
        d_hidden, d_weight, losses, largest = ctx.saved_tensors
        by = d_total * largest
        of_hidden, of_weight = (
            None if gradient is None or not needed else (gradient.to(by.dtype) * by).to(dtype)
            for gradient, needed, dtype in zip((d_hidden, d_weight), ctx.needs_input_grad, ctx.dtypes, strict=False)
        )
        of_shares = losses * d_total if ctx.needs_input_grad[3] else None
        return of_hidden, of_weight, None, of_shares, None, None, None


def _add_product(total: Tensor, x: Tensor, y: Tensor) -> None:
    if total.dtype == x.dtype:
        total.addmm_(x, y)
    else:
        total += x @ y


def _chunks(count: int, width: int, tokens: int) -> Iterator[slice]:
    """Yield as many rows at a time as make logits no larger than the activations of all, but 256 or more."""
    size = max(_FEWEST, count * width // tokens)
    for first in range(0, count, size):
        yield slice(first, first + size)


def _rows(logits: Tensor, targets: Tensor, shares: Tensor | None, ignored: int) -> Tensor:
    logs = logits.to(torch.promote_types(logits.dtype, torch.float32)).log_softmax(-1)
    losses = F.nll_loss(logs, targets, ignore_index=ignored, reduction="none")
    if shares is not None:
        counted = targets != ignored
        off = logs.exp_()
        off[torch.arange(len(off), device=off.device), targets.where(counted, 0)] -= 1
        logits.copy_(off.mul_((shares * counted)[:, None]))
    return losses
