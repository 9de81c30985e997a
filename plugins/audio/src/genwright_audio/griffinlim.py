"""Waveforms from mel bands without anything learned."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, final

import torch
import torch.nn.functional as F
from jaxtyping import Complex, Float, Int64
from torch import Tensor

from genwright.seeds import Noise
from genwright_audio.spectrum import Frames, istft, mel_filters, stft

__all__ = ["GriffinLim", "Scattered", "fitted", "magnitudes", "phases"]

_MOMENTUM = 0.99
_FAINT = 1e-9


@dataclass(frozen=True, kw_only=True)
class GriffinLim:
    """Looks for phases with which the magnitudes that bands leave of a spectrum fit each other.

    They begin as `phases` finds them, which saves three rounds of four.

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
        wanted = magnitudes(mel, self.frames)
        spectra = fitted(torch.polar(wanted, self._begun(wanted)), self.frames, rounds=self.rounds)
        return istft(spectra, self.frames, length=(mel.shape[-1] - 1) * self.frames.hop)

    def _begun(self, wanted: Float[Tensor, "B F T"]) -> Float[Tensor, "B F T"]:
        return phases(wanted, self.frames)


@final
@dataclass(frozen=True, kw_only=True)
class Scattered(GriffinLim):
    """Begins with phases that are far apart from frequency to frequency, always the same.

    Phases that begin alike meet again and again: what hisses then pulses. Where sounds have a pitch nothing is gained.
    """

    name: ClassVar[str] = "griffin-lim-scattered"

    def _begun(self, wanted: Float[Tensor, "B F T"]) -> Float[Tensor, "B F T"]:
        turns = Noise(0, torch.zeros(1, dtype=torch.int64)).uniform("phases", 0, self.frames.bins)[..., None]
        return phases(wanted, self.frames) + 2 * torch.pi * turns


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


def phases(magnitudes: Float[Tensor, "B F T"], frames: Frames) -> Float[Tensor, "B F T"]:
    """Return phases that run on from frame to frame, at each frequency as its nearest peak does; in radians.

    Source: Beauregard, Harish and Wyse (2015), doi:10.1109/ICDSP.2015.7251907.
    """
    bins = torch.arange(frames.bins)[:, None]
    peaks, beyond = _peaks(magnitudes)
    advance = (peaks + beyond) * (frames.hop / frames.size)
    now, turns = torch.zeros_like(advance[..., 0]), []
    for peak, step in zip(peaks.unbind(-1), advance.unbind(-1), strict=True):
        now = (now.gather(1, peak) + step).frac()
        turns.append(now)
    # Phases count from the beginning of a frame; around a peak those that count from its middle are alike.
    return 2 * torch.pi * (torch.stack(turns, -1) + 0.5 * (bins % 2))


def _peaks(magnitudes: Float[Tensor, "B F T"]) -> tuple[Int64[Tensor, "B F T"], Float[Tensor, "B F T"]]:
    """Return the nearest peak of each frequency, or itself where there is none, and how far beyond it its top is."""
    bins, last = torch.arange(magnitudes.shape[1])[:, None].expand_as(magnitudes), magnitudes.shape[1] - 1
    logs = magnitudes.clamp(min=_FAINT).log()
    below, above = F.pad(logs, (0, 0, 1, 0))[:, :-1], F.pad(logs, (0, 0, 0, 1))[:, 1:]
    is_peak = (logs > below) & (logs >= above) & (bins > 0) & (bins < last)
    left = bins.where(is_peak, -last - 1).cummax(1).values
    right = bins.where(is_peak, 3 * last).flip(1).cummin(1).values.flip(1)
    nearest = left.where(bins - left < right - bins, right)
    peaks = nearest.where(is_peak.any(1, keepdim=True), bins)
    curve = (below - 2 * logs + above).clamp(max=-_FAINT)
    beyond = (0.5 * (below - above) / curve).where(is_peak, 0.0)
    return peaks, beyond.gather(1, peaks)


@lru_cache(maxsize=32)
def _spread(frames: Frames) -> Float[Tensor, "F M"]:
    """Return what makes the smallest spectrum of bands."""
    with torch.inference_mode(False):
        spread: Tensor = torch.linalg.pinv(mel_filters(frames).double())
        return spread.float()
