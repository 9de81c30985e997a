"""Asking a denoiser, each call of it being one launch on a GPU."""

from __future__ import annotations

from typing import final

from jaxtyping import Float
from torch import Tensor

from genwright.captured import Captured
from genwright.readings import Condition, Denoiser, Reading
from genwright.samplers.asking import Twofold

__all__ = ["Launched", "launched"]


@final
class Launched:
    """A denoiser that gives what another does, whose calls on a GPU are recorded once and then one launch each.

    So a sampler that calls it twenty times launches it twenty times, whatever it does between the calls. It is for
    calls with as many rows each, under one precision of autocast.
    """

    def __init__(self, inner: Denoiser) -> None:
        self.inner = inner
        self._call = Captured(self._plain, what="a call of the network")

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one sample."""
        return self.inner.shape

    def denoise(
        self, x: Float[Tensor, " B *shape"], sigma: Float[Tensor, " B"], condition: Condition
    ) -> Float[Tensor, " B *shape"]:
        """Return the expected clean sample, where x is the clean sample plus sigma times unit noise."""
        contours = () if condition.contours is None else (condition.contours,)
        return self._call(x, sigma, condition.scalars, condition.labels, condition.prefix, *contours)

    def _plain(
        self, x: Tensor, sigma: Tensor, scalars: Tensor, labels: Tensor, prefix: Tensor, contours: Tensor | None = None
    ) -> Tensor:
        condition = Condition(scalars=scalars, labels=labels, prefix=prefix, contours=contours)
        return self.inner.denoise(x, sigma, condition)


def launched(reading: Reading) -> Reading:
    """Return a reading whose calls are one launch each where it is a denoiser; others are left as they are."""
    return Launched(reading) if isinstance(reading, Denoiser) and not isinstance(reading, Twofold) else reading
