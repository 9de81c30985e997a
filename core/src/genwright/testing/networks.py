"""Networks whose every weight matters, and what they are asked."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import nn

from genwright.readings import Condition

__all__ = ["asked", "stirred"]

Network = TypeVar("Network", bound=nn.Module)


def stirred(network: Network, *, gain: float = 1.0) -> Network:
    """Return a network with all its weights drawn anew, those that begin at zero too, and not to be trained.

    gain: the deviation of a weight, times the root of how many inputs its output has
    """
    generator = torch.Generator().manual_seed(5)
    for parameter in network.parameters():
        inputs = max(1, parameter.shape[1:].numel())
        parameter.data = torch.randn(parameter.shape, generator=generator) * gain * inputs**-0.5
    return network.eval().requires_grad_(False)


def asked(scalar: float = torch.nan, label: int = -1, *, rows: int = 2) -> Condition:
    """Return rows that ask for one number and one label each, the same; by default for nothing."""
    return Condition(
        scalars=torch.full((rows, 1), scalar),
        labels=torch.full((rows, 1), label),
        prefix=torch.empty(rows, 0, dtype=torch.int64),
    )
