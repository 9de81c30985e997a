"""Networks whose every weight matters, and what they are asked."""

from __future__ import annotations

import math
from typing import TypeVar, cast, final

import torch
from torch import Tensor, nn

from genwright.readings import Condition
from genwright.seeds import Noise
from genwright.space import ConditionSpace, SampleSpace, Tokens

__all__ = ["Affine", "affine", "asked", "shaken"]

Network = TypeVar("Network", bound=nn.Module)


@final
class Affine(nn.Module):
    """One matrix and a shift, from tensors of one shape to those of another, whatever is asked for."""

    def __init__(self, inward: tuple[int, ...], outward: tuple[int, ...]) -> None:
        super().__init__()
        self.layer, self.outward = nn.Linear(math.prod(inward), math.prod(outward)), outward

    def forward(self, x: Tensor, condition: Condition) -> Tensor:
        """Return the image of each row."""
        return cast(Tensor, self.layer(x.float().flatten(1)).unflatten(1, self.outward))


def affine(part: str, *, space: SampleSpace, conditions: ConditionSpace, latent: tuple[int, ...]) -> Affine:
    """Return a VAE's posterior, or its likelihood: the best there are for points near a plane."""
    shape = (*space.shape, space.vocab_size) if isinstance(space, Tokens) else space.shape
    return Affine(space.shape, latent) if part == "posterior" else Affine(latent, shape)


def shaken(network: Network, *, by: float = 0.02) -> Network:
    """Return a network with every parameter moved a little, since those that begin at zero hide what others do.

    by: the deviation of a move
    """
    noise = Noise(9, torch.arange(1))
    with torch.no_grad():
        for number, parameter in enumerate(network.parameters()):
            parameter.add_(noise.normal("shake", number, parameter.numel()).view_as(parameter), alpha=by)
    return network


def asked(scalar: float = torch.nan, label: int = -1, *, rows: int = 2) -> Condition:
    """Return rows that ask for one number and one label each, the same; by default for nothing."""
    return Condition(
        scalars=torch.full((rows, 1), scalar),
        labels=torch.full((rows, 1), label),
        prefix=torch.empty(rows, 0, dtype=torch.int64),
    )
