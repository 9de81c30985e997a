"""Sounds as tokens, one a sample."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import numpy as np
import torch
from jaxtyping import Float, Int64
from numpy import ndarray
from torch import Tensor

from genwright.errors import ConditionError
from genwright.seeds import Noise
from genwright.space import Tokens
from genwright_audio.clip import Clip, stepped
from genwright_audio.grid import Grid, Sampled

__all__ = ["LEVELS", "MuLaw", "compressed", "expanded"]

LEVELS = 256
_MU = LEVELS - 1


@final
class MuLaw(Sampled):
    """Sounds as tokens: 256 levels, finer where it is quiet, and one that ends the clip early.

    rate:    samples a second, to which clips are brought; none for that of most training clips
    seconds: how long a clip may be; none for the longest training clip, but 30 at most

    Source: ITU-T recommendation G.711, as a formula.
    """

    def __init__(self, *, rate: int | None = None, seconds: float | None = None) -> None:
        super().__init__(Grid(encoder="mu-law", rate=rate, seconds=seconds))

    @property
    def space(self) -> Tokens:
        """One token a sample; 256 ends a clip."""
        return Tokens(vocab_size=LEVELS + 1, shape=(self.grid.length,), stop=LEVELS)

    def encode(self, items: Sequence[Clip], *, noise: Noise | None = None) -> Int64[Tensor, "B L"]:
        """Return the level nearest to each sample. Raises DataError for a clip that is too long or has no numbers."""
        x = torch.full((len(items), self.grid.length), LEVELS)
        for row, wave in zip(x, self.grid.waves(items), strict=True):
            row[: len(wave)] = torch.from_numpy(compressed(wave))
        return x

    def decode(self, tensors: Int64[Tensor, "B L"]) -> list[Clip]:
        """Return the clips of tokens, each up to the token that ends it; one that ends at once has one sample."""
        rows = tensors.cpu().numpy()
        stops = ((row < 0) | (row >= LEVELS) for row in rows)
        ends = [max(1, int(stop.argmax())) if stop.any() else len(stop) for stop in stops]
        return [self._clip(row[:end]) for row, end in zip(rows, ends, strict=True)]

    def prefix(self, text: str) -> Sequence[Sequence[int]]:
        """Raise ConditionError, since no text starts a sound."""
        raise ConditionError("encoder 'mu-law' has no token for text, so none starts a sound. Ask for digit or kind.")

    def _clip(self, tokens: ndarray) -> Clip:
        return Clip(wave=stepped(expanded(tokens.clip(0, _MU))), rate=self.grid.rate)


def compressed(wave: Float[ndarray, " L"]) -> Int64[ndarray, " L"]:
    """Return the level of each sample, 0 to 255: what is beyond -1 or 1 has that of these."""
    x = np.asarray(wave, dtype=np.float64).clip(-1, 1)
    curve = np.sign(x) * np.log1p(_MU * np.abs(x)) / np.log1p(_MU)
    levels: ndarray = np.floor((curve + 1) / 2 * _MU + 0.5).astype(np.int64)
    return levels


def expanded(levels: Int64[ndarray, " L"]) -> Float[ndarray, " L"]:
    """Return the sample of each level; `compressed` undoes it."""
    curve = 2 * np.asarray(levels, dtype=np.float64) / _MU - 1
    found: ndarray = np.sign(curve) * np.expm1(np.abs(curve) * np.log1p(_MU)) / _MU
    return found
