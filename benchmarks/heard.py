"""How like its original a sound is that came back from somewhere."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray

from genwright_audio.grid import resampled
from genwright_audio.spectrum import Frames, stft

__all__ = ["Heard", "Mean", "compared", "mean"]

_NARROW, _WIDE = 8000, 16_000
_LEAST = 1e-5


@final
@dataclass(frozen=True, kw_only=True)
class Heard:
    """What a sound is worth beside its original.

    pesq:  from about 1 to 4.6: how good a listener finds the speech; of 8 kHz narrow band, of more wide band
    stoi:  from 0 to 1: how much of the speech is understood
    lsd:   dB between the logarithms of the spectra, 0 for none

    Sources: ITU-T P.862 and P.862.2; Taal et al. (2011), doi:10.1109/TASL.2011.2114881.
    """

    pesq: float
    stoi: float
    lsd: float


@final
@dataclass(frozen=True, kw_only=True)
class Mean:
    """A mean and its standard error."""

    value: float
    error: float

    @property
    def spread(self) -> tuple[float, float]:
        """The mean less and plus its standard error."""
        return self.value - self.error, self.value + self.error


def mean(values: Sequence[float]) -> Mean:
    """Return the mean of some values."""
    error = statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else math.nan
    return Mean(value=statistics.fmean(values), error=error)


def compared(ours: Float[ndarray, " L"], theirs: Float[ndarray, " L"], frames: Frames) -> Heard:
    """Return how like its original a sound is, of the same rate and length: half a second of speech or more.

    Raises ModuleNotFoundError where pesq or pystoi is not installed.
    """
    from pesq import pesq
    from pystoi import stoi

    rate = _NARROW if frames.rate < _WIDE else _WIDE
    heard = [resampled(wave, frames.rate, rate) for wave in (theirs, ours)]
    return Heard(
        pesq=float(pesq(rate, *heard, "nb" if rate == _NARROW else "wb")),
        stoi=float(stoi(theirs, ours, frames.rate)),
        lsd=_distance(ours, theirs, frames),
    )


def _distance(ours: Float[ndarray, " L"], theirs: Float[ndarray, " L"], frames: Frames) -> float:
    both = torch.from_numpy(np.stack([ours, theirs]).astype(np.float32))
    one, other = 20 * stft(both, frames).abs().clamp(min=_LEAST).log10()
    return float((one - other).square().mean(0).sqrt().mean())
