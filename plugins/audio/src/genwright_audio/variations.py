"""Training clips as they could have been recorded as well: faster or slower, and quieter."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import final

import torch
from jaxtyping import Float, Float32
from numpy import ndarray
from torch import Tensor

from genwright.errors import OptionError
from genwright.seeds import Noise
from genwright_audio.clip import Clip
from genwright_audio.extension import torchaudio
from genwright_audio.grid import resampled
from genwright_audio.spectrum import QUIET

__all__ = ["MOST", "Variations", "at_speed", "check_share"]

MOST = 0.5
"""The most by which clips are heard faster, slower or quieter: half an octave up, and an octave down."""

# Ratios of small numbers are resampled fast; a 40th is less than half a semitone.
_STEPS = 40

# What is kept of spectra for the next time, in numbers: 256 MiB.
_KEPT = 1 << 26


@final
class Variations:
    """Draws a speed and a level for each clip, each time that it is trained on. Pitch goes with the speed.

    Spectra are kept, so that a clip is resampled once for each of a few speeds, and a level costs an addition. None
    is so slow that its end would be cut off.

    share:    how much faster or slower, and how much quieter, at most
    rate:     samples a second of what `spectrum` takes
    longest:  how long a clip may be, in seconds
    spectrum: the logarithm of the bands of a wave

    Raises OptionError for a share below 0 or above MOST.
    """

    def __init__(
        self,
        share: float,
        *,
        rate: int,
        longest: float,
        spectrum: Callable[[Float32[ndarray, " L"]], Float[Tensor, "1 M T"]],
    ) -> None:
        check_share(share)
        self._share, self._rate, self._longest, self._spectrum = share, rate, longest, spectrum
        self._spectra: dict[tuple[int, int], tuple[ndarray, Tensor]] = {}

    def __call__(self, clips: Sequence[Clip], noise: Noise) -> Float[Tensor, "B M T"]:
        """Return the logarithm of the bands of clips at a speed and level that are drawn."""
        draws = noise.uniform("variation", 0, 2)
        speeds = [self._speed(clip, draw) for clip, draw in zip(clips, draws[:, 0].tolist(), strict=True)]
        mels = torch.cat([self._at(clip, speed) for clip, speed in zip(clips, speeds, strict=True)])
        return (mels + (1 - self._share * draws[:, 1]).log()[:, None, None]).clamp(min=QUIET)

    def _speed(self, clip: Clip, draw: float) -> int:
        """Return a speed, in 40ths."""
        low, high = round(_STEPS * (1 - self._share)), round(_STEPS * (1 + self._share))
        low = min(_STEPS, max(low, math.ceil(_STEPS * clip.seconds / self._longest)))
        return low + int(draw * (high - low + 1))

    def _at(self, clip: Clip, speed: int) -> Float[Tensor, "1 M T"]:
        key = (id(clip.wave), speed)
        if key in self._spectra:
            return self._spectra[key][1]
        mel = self._spectrum(at_speed(resampled(clip.wave, clip.rate, self._rate), speed))
        if (len(self._spectra) + 1) * mel.numel() <= _KEPT:
            # The wave stands beside its spectrum, so that no other gets its id.
            self._spectra[key] = (clip.wave, mel)
        return mel


def at_speed(wave: Float32[ndarray, " L"], speed: int) -> Float32[ndarray, " _"]:
    """Return a wave as it sounds at a speed in 40ths, with at least one sample."""
    if speed == _STEPS:
        return wave
    found: ndarray = torchaudio().functional.resample(torch.from_numpy(wave), speed, _STEPS).numpy()
    return found


def check_share(share: float) -> None:
    """Raise OptionError for a share by which no clip is varied."""
    if share and not 1 / _STEPS <= share <= MOST:
        raise OptionError(f"clips are varied by 0, or a share from {1 / _STEPS} to {MOST}; got {share}. Try vary=0.1.")
