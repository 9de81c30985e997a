"""Drawing latents, and what lies between two of them."""

from __future__ import annotations

import math
from typing import final

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from genwright.errors import OptionError
from genwright.readings import Condition, Decoder
from genwright.rows import by_rows
from genwright.sampler import Sampler
from genwright.seeds import Noise

__all__ = ["Prior", "spherical"]

_LEAST = 0.1


@final
class Prior(Sampler[Decoder]):
    """Decodes latents drawn from the unit normal.

    truncation: the largest size of any number in a latent, larger ones being drawn anew: less variety for what the
                model knows better; none for the whole normal

    Source of the truncation: Brock, Donahue and Simonyan (2019), arXiv:1809.11096.
    """

    def __init__(self, *, truncation: float | None = None) -> None:
        if truncation is not None and not truncation >= _LEAST:
            raise OptionError(f"prior takes a truncation of {_LEAST} or more, or none; got {truncation}. Try 1.")
        self.truncation = truncation

    @torch.inference_mode()
    def sample(self, reading: Decoder, noise: Noise, condition: Condition, *, rows: int) -> Shaped[Tensor, " B *shape"]:
        """Return one sample a row of noise."""
        z = self.latents(reading, noise)
        return by_rows(
            lambda places: reading.decode(z[places], condition[places]), len(noise), rows=rows, device=str(z.device)
        )

    def latents(self, reading: Decoder, noise: Noise) -> Float[Tensor, " B *latent"]:
        """Return the latent of each sample."""
        size = math.prod(reading.latent)
        z, attempt = noise.normal("latent", 0, size), 0
        while self.truncation is not None and bool((beyond := z.abs() > self.truncation).any()):
            attempt += 1
            z = torch.where(beyond, noise.normal("latent", attempt, size), z)
        return z.view(-1, *reading.latent)


def spherical(
    start: Float[Tensor, "*latent"], end: Float[Tensor, "*latent"], steps: int
) -> Float[Tensor, " T *latent"]:
    """Return latents from one to another, both among them, along the arc between their directions.

    Their lengths stay between those of the two, as a straight line's would not: unit normals of many numbers all have
    about the same length, and a model has learned nothing of shorter ones.

    Raises OptionError for fewer than two steps. Source: White (2016), arXiv:1609.04468.
    """
    if steps < 2:
        raise OptionError(f"an interpolation has 2 steps or more, its ends among them; got {steps}.")
    share = torch.linspace(0, 1, steps, dtype=torch.float64, device=start.device).view(-1, *[1] * start.ndim)
    a, b = start.double(), end.double()
    angle = torch.atan2(_opening(a, b), (a * b).sum())
    # Along one line there is no arc: straight on, or for opposite directions through the middle.
    if float(angle.sin()) < 1e-6:
        return ((1 - share) * a + share * b).to(start.dtype)
    between = (((1 - share) * angle).sin() * a + (share * angle).sin() * b) / angle.sin()
    return between.to(start.dtype)


def _opening(a: Tensor, b: Tensor) -> Tensor:
    """Return |a| |b| times the sine of the angle between them."""
    return ((a.square().sum() * b.square().sum()) - (a * b).sum().square()).clamp(min=0).sqrt()
