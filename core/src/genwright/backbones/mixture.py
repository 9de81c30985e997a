"""A discretised mixture of logistic distributions over levels that have an order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, final

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

__all__ = ["LogisticMixture", "level_probabilities"]

# Logarithms of the least and the greatest scale, and the least probability of a level: they keep gradients finite.
_SHARPEST, _BROADEST = -7.0, 5.0
_FLOOR = 1e-8
# In scales: what lies beyond is far below the floor.
_FARTHEST = 40.0
# Positions at a time on a CPU, so that the arrays of each stay in its cache.
_CHUNK = 128


@final
class LogisticMixture(nn.Module):
    """Turns activations into the logits of V levels: the mixture's log-probability of each, and a learned bias.

    width:      of the activations
    levels:     V, how many there are; they lie evenly along [-1, 1]
    components: of the mixture

    Source: Salimans et al. (2017), arXiv:1701.05517.
    """

    def __init__(self, width: int, levels: int, *, components: int) -> None:
        super().__init__()
        self.levels = levels
        self.inward = nn.Linear(width, 3 * components)
        self.bias = nn.Parameter(torch.zeros(levels))
        with torch.no_grad():
            _, means, scales = self.inward.bias.chunk(3)
            means.copy_(torch.linspace(-1, 1, 2 * components + 1)[1::2])
            scales.fill_(-1.5)

    def forward(self, x: Float[Tensor, "*rows D"]) -> Float[Tensor, "*rows V"]:
        """Return the logits."""
        inward: Tensor = self.inward(x)
        # In half precision the tails of most levels would be zero.
        shares, means, scales = inward.to(torch.promote_types(inward.dtype, torch.float32)).chunk(3, -1)
        rate = (-scales.clamp(_SHARPEST, _BROADEST)).exp()
        # Nor may products among them be in half precision, as training may be.
        with torch.autocast(x.device.type, enabled=False):
            found = level_probabilities(shares.softmax(-1), means, rate, self.levels)
        return (found + _FLOOR).log() + self.bias


def level_probabilities(
    shares: Float[Tensor, "*rows K"], means: Float[Tensor, "*rows K"], rates: Float[Tensor, "*rows K"], levels: int
) -> Float[Tensor, "*rows V"]:
    """Return the probability of each level.

    shares: of the components; they add up to 1
    rates:  one over the components' scales
    levels: V of them, evenly along [-1, 1]; each has what lies within half a step, the outer ones all that is beyond
    """
    given = [part.flatten(0, -2) for part in (shares, means, rates)]
    found: Tensor = _Levels.apply(*given, levels)  # type: ignore[no-untyped-call]
    return found.view(*shares.shape[:-1], levels)


class _Levels(torch.autograd.Function):
    """Computes a chunk of positions at a time, forward and again backward, and keeps nothing of the size K x V."""

    @staticmethod
    def forward(ctx: Any, shares: Tensor, means: Tensor, rates: Tensor, levels: int) -> Tensor:
        ctx.save_for_backward(shares, means, rates)
        ctx.levels = levels
        chunks = _chunks(shares[:, None], means, rates)
        return torch.cat([(some @ _parts(levels, *chunk)[2])[:, 0] for some, *chunk in chunks])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        found = [_slopes(ctx.levels, *chunk) for chunk in _chunks(*ctx.saved_tensors, slope)]
        shares, means, rates = (torch.cat(parts) for parts in zip(*found, strict=True))
        return shares, means, rates, None


def _parts(levels: int, means: Tensor, rates: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return, of each component, what lies below each level's upper edge, above its lower one, and between them.

    Between z and z + d a logistic distribution has sigmoid(z + d) sigmoid(-z) (1 - exp(-d)): unlike a difference, a
    product keeps its digits in the tails.
    """
    z = torch.addcmul(-(means * rates)[..., None], _edges(levels, means), rates[..., None])
    # Not torch.sigmoid: on a CPU it computes the last elements of an array otherwise than the rest, so that the bits of
    # a row would depend on its place.
    odds = z.clamp_(-_FARTHEST, _FARTHEST).neg_().exp_()
    one = torch.ones_like(odds[..., :1])
    below = (1 + odds).reciprocal_()
    below, above = torch.cat((below, one), -1), torch.cat((one, odds.mul_(below)), -1)
    between = (below * above).mul_(-torch.expm1(-_step(levels) * rates)[..., None])
    between[..., 0], between[..., -1] = below[..., 0], above[..., -1]
    return below, above, between


def _slopes(levels: int, shares: Tensor, means: Tensor, rates: Tensor, slope: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    below, above, between = _parts(levels, means, rates)
    moved = between.mul_(slope[:, None])
    total, outer = moved.sum(-1), moved[..., 0] + moved[..., -1]
    # By the place of each edge between a level that gains and one that loses.
    edge = torch.addcmul(moved[..., :-1] * above[..., 1:], moved[..., 1:], below[..., :-1], value=-1)
    shift, stretch = edge.sum(-1), edge @ _edges(levels, means)
    widening = (total - outer) * _step(levels) / torch.expm1(_step(levels) * rates)
    return total, -shift * rates * shares, (stretch - shift * means + widening) * shares


def _edges(levels: int, like: Tensor) -> Float[Tensor, " E"]:
    """Return where one level ends and the next begins."""
    return torch.linspace(-1, 1, 2 * levels - 1, dtype=like.dtype, device=like.device)[1::2]


def _step(levels: int) -> float:
    return 2 / (levels - 1)


def _chunks(*tensors: Tensor) -> Iterator[tuple[Tensor, ...]]:
    size = _CHUNK if tensors[0].device.type == "cpu" else len(tensors[0])
    return zip(*(torch.split(tensor, size) for tensor in tensors), strict=True)
