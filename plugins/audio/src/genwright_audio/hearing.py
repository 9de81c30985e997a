"""How metrics hear clips: how loud bands of frequencies are over time, as far as an ear would notice.

A clip is brought to one rate and cut into frames of 32 ms, one every 8 ms, of 40 mel bands from 0 Hz to half the rate;
of each the natural logarithm of the magnitude is taken. What is more than 50 dB below the loudest band of a clip counts
as that, since louder sounds hide it: otherwise the digital silence around a sound would weigh more than the sound.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float32
from numpy import ndarray
from torch import Tensor

from genwright_audio.clip import Clip
from genwright_audio.grid import resampled, usual_rate
from genwright_audio.spectrum import Frames, log_mel

__all__ = ["BANDS", "HOP", "RANGE", "binned", "heard", "hearing_rate"]

BANDS = 40
"""How many mel bands there are."""

HOP = 0.008
"""Seconds from a frame to the next."""

RANGE = 50 * math.log(10) / 20
"""How far below the loudest band of a clip another may be, in natural logarithms of the magnitude: 50 dB."""

# 40 bands need as many frequencies; above, nobody hears anything.
_LOWEST, _HIGHEST = 8_000, 48_000


def hearing_rate(clips: Sequence[Clip]) -> int:
    """Return the rate at which clips are heard: that of most of them, but 8 kHz at least and 48 kHz at most."""
    return min(max(usual_rate(clips) if clips else _LOWEST, _LOWEST), _HIGHEST)


def heard(clip: Clip, rate: int) -> Float32[ndarray, "40 T"]:
    """Return the bands of a clip without a flaw, at a rate."""
    frames = _frames(rate)
    wave = torch.from_numpy(np.ascontiguousarray(resampled(clip.wave, clip.rate, rate)))
    if len(wave) < frames.size:
        wave = F.pad(wave, (0, frames.size - len(wave)))
    with torch.inference_mode():
        bands: Tensor = log_mel(wave[None], frames)[0]
        return bands.clamp(min=float(bands.max()) - RANGE).numpy()


def binned(bands: Float32[ndarray, "40 T"], count: int) -> Float32[ndarray, "40 _"]:
    """Return the means of bands over so many equal parts of their time."""
    return F.adaptive_avg_pool1d(torch.from_numpy(bands), count).numpy()


def _frames(rate: int) -> Frames:
    size = 2 * round(2 * HOP * rate)
    return Frames(rate=rate, bands=BANDS, size=size, hop=size // 4)
