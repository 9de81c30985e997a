"""Sounds as real numbers, sample after sample."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from genwright.errors import ConditionError
from genwright.seeds import Noise
from genwright.space import Continuous
from genwright_audio.clip import Clip, stepped
from genwright_audio.grid import Grid, Sampled

__all__ = ["Waveform"]

# 16 steps of 16 bits: what a model draws of silence stays below it.
_SILENT = 16 / 32_768


@final
class Waveform(Sampled):
    """Sounds as they are, filled up with silence at their end; silence at the end of a drawn one is cut off.

    rate:    samples a second, to which clips are brought; none for that of most training clips
    seconds: how long a clip may be; none for the longest training clip, but 30 at most
    """

    def __init__(self, *, rate: int | None = None, seconds: float | None = None) -> None:
        super().__init__(Grid(encoder="waveform", rate=rate, seconds=seconds))

    @property
    def space(self) -> Continuous:
        """One channel of samples, in steps of 16 bits."""
        return Continuous(shape=(1, self.grid.length), axes=("C", "L"), step=1 / 32_768)

    def encode(self, items: Sequence[Clip], *, noise: Noise | None = None) -> Float[Tensor, "B 1 L"]:
        """Return the samples of clips. Raises DataError for a clip that is too long or has samples that are none."""
        x = torch.zeros(len(items), 1, self.grid.length)
        for row, wave in zip(x, self.grid.waves(items), strict=True):
            row[0, : len(wave)] = torch.from_numpy(wave)
        return x

    def decode(self, tensors: Float[Tensor, "B 1 L"]) -> list[Clip]:
        """Return the clips of tensors in steps of 16 bits, up to their last sample that is heard."""
        waves = [stepped(wave) for wave in tensors[:, 0].float().cpu().numpy()]
        heard = (np.flatnonzero(np.abs(wave) > _SILENT) for wave in waves)
        ends = [int(places[-1]) + 1 if len(places) else len(wave) for places, wave in zip(heard, waves, strict=True)]
        return [Clip(wave=wave[:end], rate=self.grid.rate) for wave, end in zip(waves, ends, strict=True)]

    def prefix(self, text: str) -> Sequence[Sequence[int]]:
        """Raise ConditionError, since no text starts a sound."""
        raise ConditionError("encoder 'waveform' gives no tokens, so no text starts a sound. Ask for digit or kind.")
