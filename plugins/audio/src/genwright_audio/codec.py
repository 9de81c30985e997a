"""Sounds as a few tokens a frame."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, final

import torch
from jaxtyping import Float32, Int64
from numpy import ndarray
from torch import Tensor

from genwright.encoder import Encoder
from genwright.errors import ConditionError, OptionError
from genwright.generation import threads
from genwright.seeds import Noise
from genwright.space import Tokens
from genwright_audio import codecs, vocoders
from genwright_audio.clip import Clip, stepped
from genwright_audio.grid import Grid, check_room
from genwright_audio.spectrum import QUIET, Frames, log_mel

__all__ = ["Codec"]


@final
class Codec(Encoder[Clip]):
    """Sounds as tokens, a few for every frame or two, and one that ends the clip early.

    A codec, trained beforehand, replaces mel bands by entries of its tables, one of each: those of the first frames
    come first, and of these that of the first table. Each entry of each table is a token of its own, so that a model
    which sees no more than what came before knows which table is next. A vocoder makes the sound of the bands, so that
    its samples are others than those of the clip. Codec and vocoder are part of what the encoder learns, and no others
    decode what a model has drawn.

    codec:     the name of one that comes with the plugin, or the whole path of the folder of one
    codebooks: how many of its tables are used, the first ones; none for all. Fewer make shorter and coarser sequences
    seconds:   how long a clip may be; none for the longest training clip, but 30 at most
    vocoder:   as of encoder "mel"

    The rate is that of the codec, to which clips are brought.
    """

    def __init__(
        self,
        *,
        codec: str = "speech-8k",
        codebooks: int | None = None,
        seconds: float | None = None,
        vocoder: str | None = None,
    ) -> None:
        self._codec = codecs.trained(codec)
        most = len(self._codec.network.tables)
        if codebooks is not None and not 0 < codebooks <= most:
            raise OptionError(f"codec {codec!r} has 1 to {most} codebooks; got {codebooks}. Choose so many.")
        self.codebooks = most if codebooks is None else codebooks
        self._vocoder = vocoders.chosen(vocoder, self.frames)
        self.grid = Grid(encoder="codec", rate=self.frames.rate, seconds=seconds)

    @property
    def space(self) -> Tokens:
        """So many tokens for each vector of the codec; the last of the vocabulary ends a clip."""
        return Tokens(vocab_size=self._stop + 1, shape=(self._count * self.codebooks,), stop=self._stop)

    @property
    def frames(self) -> Frames:
        """How clips are cut into frames."""
        return self._codec.network.frames

    @property
    def augments(self) -> bool:
        """False: a clip is encoded in one way."""
        return False

    def fit(self, items: Sequence[Clip]) -> None:
        """Learn the seconds, unless they are given."""
        self.grid.fit(items)

    def state(self) -> Mapping[str, Any]:
        """Return the rate, the length, how many codebooks are used, and the codec and vocoder by name and digest."""
        return {
            **self.grid.state(),
            "codebooks": self.codebooks,
            "codec": {"name": self._codec.name, "digest": self._codec.digest},
            "vocoder": {"name": self._vocoder.name, "digest": self._vocoder.digest},
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back the state.

        Raises CheckpointError if its codec or vocoder is not on this machine, or is another by now.
        """
        self._codec = codecs.kept(state["codec"]["name"], state["codec"]["digest"])
        self._vocoder = vocoders.kept(state["vocoder"]["name"], state["vocoder"]["digest"], self.frames)
        self.codebooks = int(state["codebooks"])
        self.grid.restore(state)

    def encode(self, items: Sequence[Clip], *, noise: Noise | None = None) -> Int64[Tensor, "B L"]:
        """Return the tokens of clips, each by itself.

        Raises DataError for a clip that is too long, empty, or has samples that are no numbers.
        """
        x = torch.full((len(items), *self.space.shape), self._stop)
        with threads(1), torch.inference_mode():
            for row, wave in zip(x, self.grid.waves(items), strict=True):
                codes = self._codes(wave)
                row[: len(codes)] = codes
        return x

    def decode(self, tensors: Int64[Tensor, "B L"]) -> list[Clip]:
        """Return the clips of tokens, in steps of 16 bits, each up to the token that ends it.

        Of what is not complete at its end nothing is heard, a clip without anything is silent, and a token of another
        table is that of the entry with its number in the table whose turn it is. A clip has the same bits whichever
        others are decoded with it.
        """
        with threads(1), torch.inference_mode():
            return [self._clip(row) for row in tensors.cpu()]

    def prefix(self, text: str) -> Sequence[Sequence[int]]:
        """Raise ConditionError, since no text starts a sound."""
        raise ConditionError("encoder 'codec' has no token for text, so none starts a sound. Ask for digit or kind.")

    def check_room(self, asked: Mapping[str, float | str]) -> None:
        """Raise ConditionError for clips that are to take longer than there is room for."""
        check_room(asked, self.grid.length / self.grid.rate)

    @property
    def _stop(self) -> int:
        return self.codebooks * self._codec.network.size

    @property
    def _together(self) -> int:
        return self._codec.network.together

    @property
    def _count(self) -> int:
        # What is mirrored at the ends is half a frame, of which there has to be more.
        return max(self._vectors(self.grid.length), self._vectors(self.frames.size // 2 + 1))

    def _vectors(self, samples: int) -> int:
        """Return of how many vectors the frames have so many samples between the first and the last."""
        return math.ceil((math.ceil(samples / self.frames.hop) + 1) / self._together)

    def _samples(self, vectors: int) -> int:
        return (vectors * self._together - 1) * self.frames.hop

    def _codes(self, wave: Float32[ndarray, " L"]) -> Int64[Tensor, " _"]:
        padded = torch.zeros(1, self._samples(self._count))
        padded[0, : len(wave)] = torch.from_numpy(wave)
        codes = self._codec.network.codes(log_mel(padded, self.frames))[0, : self._vectors(len(wave)), : self.codebooks]
        return (codes + self._codec.network.size * torch.arange(self.codebooks)).flatten()

    def _clip(self, row: Int64[Tensor, " L"]) -> Clip:
        ends = ((row < 0) | (row >= self._stop)).nonzero()[:, 0].tolist()
        count = min([len(row), *ends]) // self.codebooks
        mels = torch.full((1, self.frames.bands, self._count * self._together), QUIET)
        if count:
            codes = row[: count * self.codebooks].view(1, count, self.codebooks) % self._codec.network.size
            mels[..., : count * self._together] = self._codec.network.decoded(codes).clamp(min=QUIET)
        wave = self._vocoder.waves(mels)[0, : self._samples(max(1, count))]
        return Clip(wave=stepped(wave.numpy()), rate=self.frames.rate)
