"""Amplifying what is asked for, around any sampler of a model that is asked more than once."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, replace
from typing import Any, final

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from genwright.errors import MismatchError, OptionError
from genwright.readings import Condition, Denoiser, NextToken, Reading, Steady, Stream, Unmasker
from genwright.rows import each_row
from genwright.sampler import Sampler
from genwright.samplers.asking import Answer
from genwright.seeds import Noise

__all__ = ["Guided"]


@final
class Guided(Sampler[Reading]):
    """Draws as another sampler does, from what a model gives moved away from what it gives when asked for nothing.

    So the model has to have learned to draw with nothing asked, by a recipe with `drop` above 0. Where nothing is asked
    there is nothing to move, and the network is called once instead of twice.

    scale:    1 leaves the model as it is, above 1 follows the condition more closely at the price of variety
    interval: the lowest and highest level of noise at which that is done; elsewhere the network is called once instead
              of twice. For models that are read as denoisers; none for all levels
    inner:    the sampler that draws

    Sources: Ho and Salimans (2022), arXiv:2207.12598; Sanchez et al. (2023), arXiv:2306.17806, for tokens;
    Kynkäänniemi et al. (2024), arXiv:2404.07724, for the interval.
    """

    def __init__(self, *, inner: Sampler[Any], scale: float = 1.5, interval: tuple[float, float] | None = None) -> None:
        if not 0 <= scale < 100:
            raise OptionError(f"guidance takes a scale from 0 to 100; got {scale}.")
        if interval is not None and not 0 <= interval[0] < interval[1]:
            raise OptionError(
                f"guidance takes an interval of noise from a lower to a higher level; got {interval}. Try (0.2, 5)."
            )
        self.inner, self.scale, self.interval = inner, scale, interval
        self.unasked = scale != 1
        self._moves: bool | None = None

    def check(self, reading: Reading) -> None:
        """Raise MismatchError for a reading that is asked once alone, or for an interval where there is no noise."""
        self._guided(reading, moves=True)

    def sample(self, reading: Reading, noise: Noise, condition: Condition, *, rows: int) -> Tensor:
        """Return one sample a row of noise. Raises as `check` does."""
        moves = _asks(condition) if self._moves is None else self._moves
        return self.inner.sample(self._guided(reading, moves=moves), noise, condition, rows=rows)

    def settled(self, condition: Condition) -> Guided:
        """Return the same for parts of a condition, in which it no longer looks whether anything is asked."""
        made = copy(self)
        made._moves = _asks(condition)
        return made

    def _guided(self, reading: Reading, *, moves: bool) -> Reading:
        if isinstance(reading, Denoiser):
            return _GuidedDenoiser(reading, self.scale, moves, self.interval)
        if self.interval is not None:
            raise MismatchError(
                "guidance in an interval of noise is for models that are read as denoisers; this one is not. "
                "Leave out the interval."
            )
        if isinstance(reading, NextToken):
            return _GuidedNextToken(reading, self.scale, moves)
        if isinstance(reading, Unmasker):
            return _GuidedUnmasker(reading, self.scale, moves)
        raise MismatchError(
            "guidance moves what a model gives on the way to a sample; this one gives the sample at once. "
            "Use the sampler without guidance."
        )


@dataclass(frozen=True)
class _GuidedNextToken:
    inner: NextToken
    scale: float
    moves: bool

    @property
    def start(self) -> int:
        return self.inner.start

    @property
    def stop(self) -> int | None:
        return self.inner.stop

    @property
    def length(self) -> int:
        return self.inner.length

    def open(self, condition: Condition) -> Stream:
        unasked = self.inner.open(_nothing(condition)) if self.moves else None
        return _GuidedStream(self.inner.open(condition), unasked, self.scale)


@dataclass(frozen=True)
class _GuidedStream:
    asked: Stream
    unasked: Stream | None
    scale: float

    @property
    def is_steady(self) -> bool:
        streams = (self.asked, *([] if self.unasked is None else [self.unasked]))
        return all(isinstance(stream, Steady) and stream.is_steady for stream in streams)

    def step(self, tokens: Int64[Tensor, " B"]) -> Float[Tensor, "B V"]:
        asked = self.asked.step(tokens)
        return _moved(asked, asked if self.unasked is None else self.unasked.step(tokens), self.scale)

    def restart(self, rows: Bool[Tensor, " B"], condition: Condition) -> None:
        self.asked.restart(rows, condition)
        if self.unasked is not None:
            self.unasked.restart(rows, _nothing(condition))


@dataclass(frozen=True)
class _GuidedUnmasker:
    inner: Unmasker
    scale: float
    moves: bool

    @property
    def shape(self) -> tuple[int, ...]:
        return self.inner.shape

    @property
    def mask(self) -> int:
        return self.inner.mask

    def unmask(self, x: Int64[Tensor, " B *shape"], condition: Condition) -> Float[Tensor, " B *shape V"]:
        asked = self.inner.unmask(x, condition)
        return _moved(asked, self.inner.unmask(x, _nothing(condition)) if self.moves else asked, self.scale)


@dataclass(frozen=True)
class _GuidedDenoiser:
    inner: Denoiser
    scale: float
    moves: bool
    interval: tuple[float, float] | None

    @property
    def shape(self) -> tuple[int, ...]:
        return self.inner.shape

    def denoise(
        self, x: Float[Tensor, " B *shape"], sigma: Float[Tensor, " B"], condition: Condition
    ) -> Float[Tensor, " B *shape"]:
        asked = self.inner.denoise(x, sigma, condition)
        within = None if self.interval is None else (sigma >= self.interval[0]) & (sigma <= self.interval[1])
        if not self._moving or (within is not None and not bool(within.any())):
            return asked
        unasked = self.inner.denoise(x, sigma, _nothing(condition))
        guided = unasked + self.scale * (asked - unasked)
        return guided if within is None else torch.where(each_row(within, x), guided, asked)

    def both(
        self, x: Float[Tensor, " B *shape"], sigma: Float[Tensor, " B"], level: float, condition: Condition
    ) -> Answer:
        asked = self.inner.denoise(x, sigma, condition)
        if not self._moving or not self._is_within(level, x.dtype):
            return Answer(asked)
        return Answer(asked, self.inner.denoise(x, sigma, _nothing(condition)))

    @property
    def _moving(self) -> bool:
        return self.moves and self.scale != 1

    def _is_within(self, level: float, dtype: torch.dtype) -> bool:
        """Return whether a level lies in the interval, as numbers of the samples' precision."""
        if self.interval is None:
            return True
        low, at, high = torch.tensor([self.interval[0], level, self.interval[1]], dtype=dtype, device="cpu").tolist()
        return bool(low <= at <= high)


def _moved(asked: Tensor, unasked: Tensor, scale: float) -> Tensor:
    """Return logits moved from what nothing asks to what is asked, and beyond."""
    asked, unasked = asked.log_softmax(-1), unasked.log_softmax(-1)
    # Both are -inf where a mask inside forbids a token; their difference would be NaN there.
    return torch.where(asked.isneginf(), asked, unasked + scale * (asked - unasked))


def _asks(condition: Condition) -> bool:
    """Return whether any row asks for more than a start."""
    follows = condition.contours is not None and not bool(condition.contours.isnan().all())
    return follows or not bool(condition.scalars.isnan().all() and (condition.labels < 0).all())


def _nothing(condition: Condition) -> Condition:
    return replace(
        condition,
        scalars=torch.full_like(condition.scalars, torch.nan),
        labels=torch.full_like(condition.labels, -1),
        contours=None if condition.contours is None else torch.full_like(condition.contours, torch.nan),
    )
