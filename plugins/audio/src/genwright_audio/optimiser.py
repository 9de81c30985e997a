"""How networks of sound move as they learn."""

from __future__ import annotations

import math
from contextlib import AbstractContextManager

import torch
from torch import Tensor, nn

__all__ = ["Average", "move", "optimiser", "quick", "share"]

_CLIPPED = 5.0


def optimiser(network: nn.Module) -> torch.optim.AdamW:
    """Return one for all weights of a network."""
    return torch.optim.AdamW(network.parameters(), betas=(0.8, 0.99), weight_decay=0.01)


def move(optimiser: torch.optim.AdamW, loss: Tensor, rate: float) -> None:
    """Take one step along the gradients of a loss, at a rate of learning."""
    (group,) = optimiser.param_groups
    group["lr"] = rate
    optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(group["params"], _CLIPPED)
    optimiser.step()


def share(number: int, warmup: float, done: float) -> float:
    """Return the share of the highest rate of learning: it grows over the first steps, then falls as a cosine.

    number: of the step, from 0
    done:   how much of the training is, from 0 to 1
    """
    return min(1.0, (number + 1) / warmup) * (0.01 + 0.99 * math.cos(math.pi / 2 * done) ** 2)


def quick(device: torch.device) -> AbstractContextManager[None]:
    """Return a context in which a processor computes in bfloat16, in half the time where it has it."""
    return torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cpu")


class Average:
    """The average of a network's weights over its last steps.

    network: a copy, in which the average is kept
    kept:    how much of it stays at a step, once there were many
    """

    def __init__(self, network: nn.Module, *, kept: float) -> None:
        self._weights: list[Tensor] = [*network.requires_grad_(False).parameters()]
        self._kept = kept

    @torch.no_grad()
    def note(self, network: nn.Module, number: int) -> None:
        """Note the weights after the step of a number."""
        new = [value.detach() for value in network.parameters()]
        torch._foreach_lerp_(self._weights, new, max(1 - self._kept, 1 / (number + 1)))
