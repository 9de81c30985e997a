"""Asking a denoiser for clean samples where all noisy ones have the same level of noise."""

from __future__ import annotations

from typing import NamedTuple, Protocol, final, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from genwright.readings import Condition, Denoiser

__all__ = ["Answer", "Asking", "Twofold"]


class Answer(NamedTuple):
    """What a network takes for the clean samples.

    clean:   with what is asked for
    unasked: with nothing asked for, from which `clean` is still to be moved away; None for as it is
    """

    clean: Tensor
    unasked: Tensor | None = None


@runtime_checkable
class Twofold(Protocol):
    """A denoiser that moves what a network gives away from what it gives when asked for nothing.

    scale: how far: 1 leaves it where it is
    """

    scale: float

    def both(
        self, x: Float[Tensor, " B *shape"], sigma: Float[Tensor, " B"], level: float, condition: Condition
    ) -> Answer:
        """Return what the network gives, all of sigma being `level`, of which it is known without a look at a GPU."""


@final
class Asking:
    """A reading asked for certain conditions, as samplers call it: Denoise."""

    def __init__(self, reading: Denoiser, condition: Condition) -> None:
        self._reading, self._condition = reading, condition
        self._twofold = reading if isinstance(reading, Twofold) else None

    @property
    def guidance(self) -> float:
        """How far clean samples are to be moved from those with nothing asked for."""
        return 1.0 if self._twofold is None else self._twofold.scale

    def __call__(self, x: Float[Tensor, " B *shape"], sigma: float) -> Float[Tensor, " B *shape"]:
        """Return the expected clean samples of x, which has noise of deviation sigma."""
        clean, unasked = self.answer(x, sigma)
        return clean if unasked is None else unasked + self.guidance * (clean - unasked)

    def answer(self, x: Float[Tensor, " B *shape"], sigma: float) -> Answer:
        """Return the same, but not yet moved."""
        level = torch.full((len(x),), sigma, dtype=x.dtype, device=x.device)
        if self._twofold is None:
            return Answer(self._reading.denoise(x, level, self._condition))
        return self._twofold.both(x, level, sigma, self._condition)
