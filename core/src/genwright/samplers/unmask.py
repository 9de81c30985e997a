"""Filling hidden positions a few at a time: where the model is surest first, or in a random order.

Every position is drawn once, from noise of its own, whenever its turn comes.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import final

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from genwright.errors import OptionError
from genwright.kernels.sample_logits.rule import Rule, usable
from genwright.kernels.sample_logits.spec import sample_logits
from genwright.readings import Condition, Unmasker
from genwright.rows import by_rows
from genwright.sampler import Sampler
from genwright.seeds import Noise

__all__ = ["Confidence", "Random", "UnmaskSampler"]


class UnmaskSampler(Sampler[Unmasker]):
    """Fills the hidden positions in `steps` steps, about as many in each; never more steps than positions.

    Tokens of one step are drawn without knowing each other; with as many steps as positions none are. Then, and at
    temperature 1, samples follow the model's own distribution exactly if its conditionals are those of one.

    steps:       how often the network is asked
    temperature: 1 for the model's probabilities, below it sharper, above it flatter
    """

    def __init__(self, *, steps: int = 64, temperature: float = 1.0) -> None:
        if steps < 1:
            raise OptionError(f"unmasking takes 1 step or more; got {steps}. Try steps=64.")
        advice = "For nearly the likeliest tokens, try 0.01."
        self.steps, self.temperature = steps, usable("temperature", temperature, advice)

    @abstractmethod
    def urgency(self, logits: Float[Tensor, "B N V"], noise: Noise) -> Float[Tensor, "B N"]:
        """Return how soon each position is to be filled, the greatest first; a finite number."""

    @final
    @torch.inference_mode()
    def sample(self, reading: Unmasker, noise: Noise, condition: Condition, *, rows: int) -> Int64[Tensor, " B *shape"]:
        """Return one sample a row of noise; what follows a stop token is left as drawn."""

        def filled(places: Tensor) -> Tensor:
            return self._filled(reading, noise[places], condition[places])

        return by_rows(filled, len(noise), rows=rows, device=str(noise.samples.device))

    def _filled(self, reading: Unmasker, noise: Noise, condition: Condition) -> Tensor:
        x = _begun(reading, condition)
        steps = min(self.steps, x.shape[1])
        unknown = (x == reading.mask).sum(1)
        for step in range(steps):
            logits = reading.unmask(x.view(-1, *reading.shape), condition).float().flatten(1, -2)
            hidden = x == reading.mask
            left = unknown * (steps - 1 - step) // steps
            urgency = self.urgency(logits, noise).masked_fill(~hidden, -torch.inf)
            x = self._drawn(x, logits, urgency, hidden.sum(1) - left, noise)
        return x.view(-1, *reading.shape)

    def _drawn(self, x: Tensor, logits: Tensor, urgency: Tensor, count: Tensor, noise: Noise) -> Tensor:
        """Return the tokens with the most urgent positions filled, `count` of them in each row."""
        most = int(count.max())
        # A stable sort, so that ties are broken alike on every device.
        places = urgency.argsort(dim=1, descending=True, stable=True)[:, :most]
        chosen = logits.gather(1, places[..., None].expand(-1, -1, logits.shape[-1]))
        # A position keeps its noise whichever step it is drawn in.
        draws = noise[torch.arange(len(x), device=x.device).repeat_interleave(most)]
        rule = Rule(temperature=self.temperature)
        tokens = sample_logits(chosen.flatten(0, 1), rule, noise=draws, step=places.flatten()).view_as(places)
        filled = x.scatter(1, places, tokens)
        due = torch.arange(most, device=x.device) < count[:, None]
        return torch.where(torch.zeros_like(x, dtype=torch.bool).scatter(1, places, due), filled, x)


@final
class Confidence(UnmaskSampler):
    """Fills first where the model is surest: where its likeliest token is likeliest.

    Unlike a choice among tokens already drawn, this favours positions and not tokens, so the samples stay true to the
    model.

    Sources: Chang et al. (2022), arXiv:2202.04200; Kim et al. (2025), arXiv:2502.06768.
    """

    def urgency(self, logits: Float[Tensor, "B N V"], noise: Noise) -> Float[Tensor, "B N"]:
        """Return the logarithm of each position's greatest probability."""
        return logits.log_softmax(-1).amax(-1)


@final
class Random(UnmaskSampler):
    """Fills in a random order, as the family was trained. Source: Sahoo et al. (2024), arXiv:2406.07524."""

    def urgency(self, logits: Float[Tensor, "B N V"], noise: Noise) -> Float[Tensor, "B N"]:
        """Return random numbers, the same at every step."""
        return noise.uniform("order", 0, logits.shape[1])


def _begun(reading: Unmasker, condition: Condition) -> Int64[Tensor, "B N"]:
    """Return hidden positions, and the prefix of each row that has one."""
    x = torch.full((len(condition), math.prod(reading.shape)), reading.mask, device=condition.prefix.device)
    given = condition.prefix[:, : x.shape[1]]
    x[:, : given.shape[1]] = torch.where(given >= 0, given, reading.mask)
    return x
