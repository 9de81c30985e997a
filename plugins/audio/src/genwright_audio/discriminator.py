"""Networks that tell recorded waveforms from made ones, by their spectra."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from genwright_audio.spectrum import Frames, stft

__all__ = ["Discriminator"]

_SLOPE = 0.1
_STRIDES = ((1, 2), (2, 2), (2, 2), (1, 2))


@final
class Discriminator(nn.Module):
    """A network for each of some frames, which sees spectra as images of two channels.

    frames: of the spectra, one a network
    width:  channels of the first layer; the others have twice as many

    Source: Jang et al. (2021), arXiv:2106.07889 (UnivNet), which looks at magnitudes alone.
    """

    def __init__(self, *, frames: Sequence[Frames], width: int = 12) -> None:
        super().__init__()
        self.frames = tuple(frames)
        self.parts = nn.ModuleList(_layers(width) for _ in self.frames)

    def forward(self, waves: Float[Tensor, "B L"]) -> list[list[Tensor]]:
        """Return what each layer of each network makes of waveforms; that of the last is how real they look."""
        return [_seen(part, waves, frames) for part, frames in zip(self.parts, self.frames, strict=True)]


def _layers(width: int) -> nn.ModuleList:
    channels = [2, width, *[2 * width] * (len(_STRIDES) - 1)]
    layers = [
        nn.Conv2d(inward, outward, (3, 5), stride=stride, padding=(1, 2))
        for inward, outward, stride in zip(channels, channels[1:], _STRIDES, strict=False)
    ]
    every = [*layers, nn.Conv2d(channels[-1], 1, 3, padding=1)]
    return nn.ModuleList(nn.utils.parametrizations.weight_norm(layer) for layer in every)


def _seen(part: nn.Module, waves: Tensor, frames: Frames) -> list[Tensor]:
    spectra = stft(waves, frames).mT
    # Of loud and quiet frequencies alike something is to be seen.
    x = torch.view_as_real(spectra * spectra.abs().clamp(min=1e-4) ** -0.6).permute(0, 3, 1, 2)
    found = []
    *layers, last = part.children()
    for layer in layers:
        x = F.leaky_relu(layer(x), _SLOPE)
        found.append(x)
    return [*found, last(x)]
