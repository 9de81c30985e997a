"""Waveforms as frames: short-time spectra, bands of them, and back."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any, final

import torch
import torch.nn.functional as F
from jaxtyping import Complex, Float
from torch import Tensor

from genwright.errors import OptionError, ShapeError
from genwright_audio.extension import torchaudio

__all__ = ["FLOOR", "MUSIC", "QUIET", "TELEPHONE", "Frames", "istft", "log_bands", "log_mel", "mel_filters", "stft"]

FLOOR = 1e-5
"""The least magnitude of a band of which the logarithm is taken."""

QUIET = math.log(FLOOR)
"""What the logarithm of a silent band is."""

_TILE = 16


@final
@dataclass(frozen=True, kw_only=True)
class Frames:
    """How a waveform is cut into frames, and the spectrum of each into mel bands.

    rate:  samples per second, of the waveform
    bands: mel bands, from `low` to `high`
    size:  samples of a frame, seen through a Hann window
    hop:   samples from the middle of a frame to that of the next; at most a quarter of `size`, so that frames add up
           to the waveform
    low:   Hz
    high:  Hz; None for half the rate

    Raises OptionError for frames that cannot be.
    """

    rate: int
    bands: int
    size: int
    hop: int
    low: float = 0.0
    high: float | None = None

    def __post_init__(self) -> None:
        for name in ("rate", "bands", "size", "hop"):
            if getattr(self, name) < 1:
                raise OptionError(f"{name} is a whole number from 1; got {getattr(self, name)}. Choose another {name}.")
        if self.size % 2 or self.hop > self.size // 4:
            raise OptionError(
                "frames have an even number of samples, and follow one another in a quarter of that or less; got "
                f"size {self.size} and hop {self.hop}. Try size {4 * self.hop} with this hop."
            )
        if not 0 <= self.low < self.top <= self.rate / 2:
            raise OptionError(
                f"bands span from 0 Hz or more to half the rate at most, {self.rate / 2:g} Hz; got {self.low:g} to "
                f"{self.top:g} Hz. Choose other limits, or another rate."
            )

    @property
    def top(self) -> float:
        """The upper limit of the bands, in Hz."""
        return self.rate / 2 if self.high is None else self.high

    @property
    def bins(self) -> int:
        """The frequencies of a frame's spectrum."""
        return self.size // 2 + 1

    def holding(self, samples: int) -> int:
        """Return the smallest multiple of 16 frames from the first to the last of which there are so many samples.

        Backbones halve sixteen as often as they like.
        """
        return math.ceil((math.ceil(samples / self.hop) + 1) / _TILE) * _TILE

    def to_json(self) -> dict[str, Any]:
        """Return plain data from which `from_json` makes equal frames."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Frames:
        """Return the frames that `to_json` wrote."""
        return cls(**data)


TELEPHONE = Frames(rate=8000, bands=64, size=256, hop=64)
"""For speech at 8 kHz."""

MUSIC = Frames(rate=22_050, bands=80, size=1024, hop=256)
"""For any sound at 22.05 kHz."""


@lru_cache(maxsize=32)
def mel_filters(frames: Frames) -> Float[Tensor, "M F"]:
    """Return how much of each frequency a band has; the same tensor each time, not to be written to.

    Bands are triangles of area one, evenly spaced up to 1 kHz and by a constant ratio above.

    Raises OptionError where a band is narrower than frequencies are apart.
    Source: Slaney (1998), Auditory Toolbox, Interval Research technical report 1998-010.
    """
    # What is made while gradients are off for good could not be used later by what trains.
    with torch.inference_mode(False), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        filters: Tensor = (
            torchaudio()
            .functional.melscale_fbanks(
                frames.bins, frames.low, frames.top, frames.bands, frames.rate, norm="slaney", mel_scale="slaney"
            )
            .T.contiguous()
        )
    empty = int((filters.amax(1) <= 0).sum())
    if empty:
        raise OptionError(
            f"each mel band needs a frequency of the frame's spectrum, which are {frames.rate / frames.size:.3g} Hz "
            f"apart; {empty} of {frames.bands} bands have none. Choose fewer bands, or a larger size."
        )
    return filters


def stft(waves: Float[Tensor, "B L"], frames: Frames) -> Complex[Tensor, "B F T"]:
    """Return the spectra of waveforms: frame t is centred on sample t * hop, beyond the ends the waveform is mirrored.

    Raises ShapeError for a waveform of half a frame or less, which cannot be mirrored.
    """
    if waves.shape[-1] <= frames.size // 2:
        raise ShapeError(
            f"waveforms have more than half a frame of {frames.size} samples; got {list(waves.shape)}. "
            "Pad them with silence."
        )
    return torch.stft(
        waves, frames.size, frames.hop, window=_window(frames.size, waves.device), return_complex=True, center=True
    )


def istft(spectra: Complex[Tensor, "B F T"], frames: Frames, *, length: int) -> Float[Tensor, "B L"]:
    """Return the waveforms whose spectra are nearest to these, of so many samples. It undoes `stft`."""
    return torch.istft(
        spectra, frames.size, frames.hop, window=_window(frames.size, spectra.device), center=True, length=length
    )


def log_mel(waves: Float[Tensor, "B L"], frames: Frames) -> Float[Tensor, "B M T"]:
    """Return the natural logarithm of the magnitude of each mel band, not below that of FLOOR.

    result: L // hop + 1 frames; a row has the same bits whichever others are beside it

    Raises as `stft` does.
    """
    filters = mel_filters(frames).to(waves.device)
    return torch.cat([log_bands(wave, frames, filters) for wave in waves[:, None]])


def log_bands(waves: Float[Tensor, "B L"], frames: Frames, filters: Float[Tensor, "M F"]) -> Float[Tensor, "B M T"]:
    """Return what `log_mel` does by given filters, of all rows at once: a row's last bits depend on the others."""
    return F.linear(stft(waves, frames).abs().mT, filters).clamp(min=FLOOR).log().mT


@lru_cache(maxsize=32)
def _window(size: int, device: torch.device) -> Tensor:
    with torch.inference_mode(False):
        return torch.hann_window(size, device=device)
