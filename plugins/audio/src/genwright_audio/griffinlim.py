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

__all__ = ["GriffinLim", "fitted", "magnitudes", "phases"]

_MOMENTUM = 0.99


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
        return torch.cat([self._wave(mel) for mel in mels[:, None]])

    def _wave(self, mel: Float[Tensor, "1 M T"]) -> Float[Tensor, "1 L"]:
        begun = torch.polar(magnitudes(mel, self.frames), phases(self.frames.bins, mel.shape[-1]))
        spectra = fitted(begun, self.frames, rounds=self.rounds)
        return istft(spectra, self.frames, length=(mel.shape[-1] - 1) * self.frames.hop)


def magnitudes(mels: Float[Tensor, "B M T"], frames: Frames) -> Float[Tensor, "B F T"]:
    """Return the smallest magnitudes of which bands, as `log_mel` gives them, are the sums; none is below 0."""
    return (_spread(frames) @ mels.exp()).clamp(min=0)


def fitted(spectra: Complex[Tensor, "B F T"], frames: Frames, *, rounds: int) -> Complex[Tensor, "B F T"]:
    """Return spectra with the same magnitudes, their phases moved, round by round, to where they fit each other.

    rounds: from a spectrum to a waveform and back; with none the phases stay as they are
    """
    length = (spectra.shape[-1] - 1) * frames.hop
    # Laid out as `stft` lays them out, products take half the time.
    spectra = spectra.mT.contiguous().mT
    wanted, before = spectra.abs(), torch.zeros_like(spectra)
    for _ in range(rounds):
        fitting = stft(istft(spectra, frames, length=length), frames)
        # The direction of what goes on beyond `fitting` by the momentum, as its magnitude is replaced.
        moved = torch.sub(fitting, before, alpha=_MOMENTUM / (1 + _MOMENTUM))
        spectra, before = moved.sgn() * wanted, fitting
    return spectra


@lru_cache(maxsize=32)
def phases(bins: int, count: int) -> Float[Tensor, "1 F T"]:
    """Return phases at random, always the same for as many frequencies and frames; not to be written to."""
    with torch.inference_mode(False):
        turns = Noise(0, torch.arange(1)).uniform("phases", 0, bins * count)
        return (2 * torch.pi * turns).view(1, bins, count)


@lru_cache(maxsize=32)
def _spread(frames: Frames) -> Float[Tensor, "F M"]:
    """Return what makes the smallest spectrum of bands."""
    with torch.inference_mode(False):
        spread: Tensor = torch.linalg.pinv(mel_filters(frames).double())
        return spread.float()
