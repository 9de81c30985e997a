"""Waveforms from mel bands without anything learned."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, final

import torch
from jaxtyping import Complex, Float
from torch import Tensor

from genwright.seeds import Noise
from genwright_audio.spectrum import Frames, istft, mel_filters, stft

__all__ = ["GriffinLim"]

_MOMENTUM = 0.99
_TINY = 1e-16


@final
@dataclass(frozen=True, kw_only=True)
class GriffinLim:
    """Looks for phases with which the magnitudes that bands leave of a spectrum fit each other.

    Phases begin at random, always the same, so that a row of bands always gives the same waveform.

    rounds: from a spectrum to a waveform and back

    Source: Perraudin, Balazs and Søndergaard (2013), doi:10.1109/WASPAA.2013.6701851 (with momentum).
    """

    name: ClassVar[str] = "griffin-lim"
    digest: ClassVar[str] = ""

    frames: Frames
    rounds: int = 32

    def waves(self, mels: Float[Tensor, "B M T"]) -> Float[Tensor, "B L"]:
        """Return the waveforms of bands as `log_mel` gives them, of (T - 1) * hop samples."""
        return torch.cat([self._wave(mel) for mel in mels.split(1)])

    def _wave(self, mel: Float[Tensor, "1 M T"]) -> Float[Tensor, "1 L"]:
        length = (mel.shape[-1] - 1) * self.frames.hop
        magnitudes = (_spread(self.frames) @ mel.exp()).clamp(min=0)
        spectra = torch.polar(magnitudes, _phases(magnitudes.shape[1:]))
        before = torch.zeros_like(spectra)
        for _ in range(self.rounds):
            fitting = stft(istft(spectra, self.frames, length=length), self.frames)
            spectra = _scaled(fitting + _MOMENTUM * (fitting - before), magnitudes)
            before = fitting
        return istft(spectra, self.frames, length=length)


def _scaled(spectra: Complex[Tensor, "1 F T"], magnitudes: Float[Tensor, "1 F T"]) -> Complex[Tensor, "1 F T"]:
    """Return spectra with the magnitudes in the place of their own."""
    return spectra * (magnitudes / spectra.abs().clamp(min=_TINY))


@lru_cache(maxsize=32)
def _spread(frames: Frames) -> Float[Tensor, "F M"]:
    """Return what makes the smallest spectrum of the bands."""
    with torch.inference_mode(False):
        return torch.linalg.pinv(mel_filters(frames).double()).float()


@lru_cache(maxsize=32)
def _phases(shape: tuple[int, int]) -> Float[Tensor, "1 F T"]:
    with torch.inference_mode(False):
        size = shape[0] * shape[1]
        return (2 * torch.pi * Noise(0, torch.arange(1)).uniform("phases", 0, size)).view(1, *shape)
