"""A network that makes spectra of mel bands, phases included."""

from __future__ import annotations

from typing import Any, cast, final

import torch
from jaxtyping import Complex, Float
from torch import Tensor, nn

from genwright.errors import OptionError
from genwright_audio.block import KERNEL, Block
from genwright_audio.griffinlim import fitted, magnitudes, phases
from genwright_audio.spectrum import Frames, istft, mel_filters

__all__ = ["Network"]

# Logarithms of bands lie about here.
_MEAN, _DEVIATION = -6.0, 2.5

_LEAST = 0.1
_LOWER, _HIGHER = -6.0, 4.0


@final
class Network(nn.Module):
    """Begins with spectra that Griffin-Lim finds in a few rounds, and says how each magnitude and phase is to change.

    Convolutions over frames see what the bands and those spectra have around a frame. It works at the pace of frames
    alone, and so is much faster than networks that work at that of samples. Of bands alone a network has to learn to
    make up phases, which takes days; to mend those that are nearly right it learns in minutes.

    frames: those of the bands that it takes
    width:  channels
    blocks: of one convolution over seven frames each
    rounds: of Griffin-Lim before the network, and after it

    Sources: Siuzdak (2023), arXiv:2306.00814 (Vocos); Liu et al. (2022), arXiv:2201.03545 (ConvNeXt); Masuyama et al.
    (2019), arXiv:1903.03971 (a network among rounds of Griffin-Lim).
    """

    def __init__(self, *, frames: Frames, width: int = 192, blocks: int = 6, rounds: tuple[int, int] = (8, 8)) -> None:
        super().__init__()
        if min(width, blocks) < 1 or min(rounds) < 0:
            raise OptionError(
                f"a vocoder has a width and blocks from 1, and rounds from 0; got {width}, {blocks} and {rounds}. "
                "Try 192, 6 and (8, 8)."
            )
        self.frames, self.width, self.rounds = frames, width, rounds
        self.bands = nn.Conv1d(frames.bands, width, KERNEL, padding=KERNEL // 2)
        self.spectra = nn.Conv1d(2 * frames.bins, width, 3, padding=1)
        self.norm = nn.LayerNorm(width)
        self.blocks = nn.ModuleList(Block(width) for _ in range(blocks))
        self.last = nn.LayerNorm(width)
        self.leave = nn.Linear(width, 2 * frames.bins)
        # The network begins with changing next to nothing.
        nn.init.normal_(self.leave.weight, std=1e-3)
        nn.init.zeros_(self.leave.bias)
        self.register_buffer("_smooth", _smooth(frames), persistent=False)
        # Phases count from the beginning of a frame, and change by half a turn from each frequency to the next where a
        # click is in its middle. Counted from the middle they change slowly.
        self.register_buffer("_middle", 1.0 - 2.0 * (torch.arange(frames.bins)[:, None] % 2), persistent=False)

    def to_json(self) -> dict[str, Any]:
        """Return the options of the network as plain data."""
        return {
            "frames": self.frames.to_json(),
            "width": self.width,
            "blocks": len(self.blocks),
            "rounds": list(self.rounds),
        }

    def begun(self, mels: Float[Tensor, "B M T"]) -> Complex[Tensor, "B F T"]:
        """Return the spectra to begin with."""
        # Where bands say nothing is left for a frequency there may be something: less than its neighbours have.
        least = _LEAST * (cast(Tensor, self._smooth) @ mels.exp())
        wanted = torch.maximum(magnitudes(mels, self.frames), least)
        spectra = torch.polar(wanted, phases(wanted, self.frames))
        return fitted(spectra, self.frames, rounds=self.rounds[0])

    def forward(self, mels: Float[Tensor, "B M T"], begun: Complex[Tensor, "B F T"]) -> Complex[Tensor, "B F T"]:
        """Return the spectra of bands as `log_mel` gives them."""
        louder, turned = self.leave(self.last(self._hidden(mels, begun).float())).mT.chunk(2, 1)
        return begun * torch.polar(louder.clamp(_LOWER, _HIGHER).exp(), turned)

    def waves(self, mels: Float[Tensor, "B M T"]) -> Float[Tensor, "B L"]:
        """Return the waveforms of bands, of (T - 1) * hop samples."""
        spectra = fitted(self(mels, self.begun(mels)), self.frames, rounds=self.rounds[1])
        return istft(spectra, self.frames, length=(mels.shape[-1] - 1) * self.frames.hop)

    def _hidden(self, mels: Tensor, begun: Tensor) -> Float[Tensor, "B T D"]:
        """Return the activations after the last block."""
        # Of loud and quiet frequencies alike something is to be seen.
        seen = 3 * begun * cast(Tensor, self._middle) * begun.abs().clamp(min=1e-5) ** -0.6
        spectra = torch.cat((seen.real, seen.imag), 1)
        hidden: Tensor = self.norm((self.bands((mels - _MEAN) / _DEVIATION) + self.spectra(spectra)).mT)
        for block in self.blocks:
            hidden = block(hidden)
        return hidden


def _smooth(frames: Frames) -> Float[Tensor, "F M"]:
    """Return what makes magnitudes of bands that change slowly: the mean of the bands that a frequency is in."""
    filters = mel_filters(frames)
    return (filters / filters.sum(0).clamp(min=1e-9) / filters.sum(1, keepdim=True)).T.contiguous()
