"""Networks whose every weight matters, and what they are asked."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import nn

from genwright.readings import Condition
from genwright.seeds import Noise

__all__ = ["asked", "shaken"]

Network = TypeVar("Network", bound=nn.Module)


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
