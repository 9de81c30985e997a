"""Sounds as mel bands."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, final

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32
from numpy import ndarray
from torch import Tensor

from genwright.encoder import Encoder
from genwright.errors import ConditionError, DataError, OptionError
from genwright.generation import threads
from genwright.seeds import Noise
from genwright.space import Continuous
from genwright_audio.clip import ROOM, Clip, stepped
from genwright_audio.grid import check_room, check_seconds, resampled, unfit, usual_rate
from genwright_audio.spectrum import QUIET, Frames, log_mel, mel_filters
from genwright_audio.variations import Variations, check_share
from genwright_audio.vocoders import UNTRAINED, Vocoder, chosen, kept, shipped, trained

__all__ = ["Mel"]

_USUAL = 0.045

# In nats above silence, of what all bands have together, since a tone fills few of them. So the ends of 98 digits in
# 100 were found within 11 ms; of some hundreds, one had a pause so silent and long that it seemed to end there.
_SILENT = 1.0
_PAUSE = 0.25

# As many clips say well enough how loud the loudest is, and how long most are.
_ENOUGH = 4096


@final
class Mel(Encoder[Clip]):
    """Sounds as the logarithm of mel bands, frame after frame; silence is -1, and the loudest of the training data 1.

    The phases are left out, so that a sound comes back from a vocoder, which makes some up: it sounds alike, and its
    samples are others. The vocoder is part of what the encoder learns, and no other decodes what a model has drawn.

    rate:    samples a second, to which clips are brought; none for that of the vocoder asked for, or of most clips
    bands:   none for those of the vocoder, or, if none is for this rate, 80, or 64 below 16 kHz
    size:    samples of a frame; none likewise, or the power of two nearest to 45 ms
    hop:     samples from frame to frame; none likewise, or a quarter of the size
    high:    the upper limit of the bands in Hz; none for half the rate
    seconds: how long a clip may be; none for as long as 99 of 100 training clips are
    vocoder: "griffin-lim", "griffin-lim-scattered" for what hisses, the name of a trained one, or the folder of one;
             none for a trained one for such frames that comes with the plugin, or griffin-lim if there is none
    vary:    train on other renderings of each clip: up to this share faster or slower, at another pitch so, and quieter
    """

    def __init__(
        self,
        *,
        rate: int | None = None,
        bands: int | None = None,
        size: int | None = None,
        hop: int | None = None,
        high: float | None = None,
        seconds: float | None = None,
        vocoder: str | None = None,
        vary: float = 0.0,
    ) -> None:
        check_seconds("mel", seconds)
        check_share(vary)
        self._vary = vary
        self._variations: Variations | None = None
        self._seconds, self._asked = seconds, vocoder
        self._given = {"bands": bands, "size": size, "hop": hop, "high": high}
        self._frames: Frames | None = None
        self._vocoder: Vocoder | None = None
        self._count, self._loudest = 0, 0.0
        if rate is not None or vocoder not in (None, *UNTRAINED):
            # Made now, so that what is wrong with the options is said before any clip is read.
            self._take(rate)

    @property
    def space(self) -> Continuous:
        """Bands and frames."""
        return Continuous(shape=(self.frames.bands, self._count), axes=("C", "T"))

    @property
    def frames(self) -> Frames:
        """How clips are cut into frames."""
        assert self._frames is not None, "an encoder is fitted or restored before it is used"
        return self._frames

    @property
    def vocoder(self) -> Vocoder:
        """What makes waveforms of bands."""
        assert self._vocoder is not None, "an encoder is fitted or restored before it is used"
        return self._vocoder

    @property
    def augments(self) -> bool:
        """Whether the encoder was made to vary clips."""
        return self._vary > 0

    def fit(self, items: Sequence[Clip]) -> None:
        """Learn the rate and the seconds, unless they are given, and how loud the loudest band is.

        Raises OptionError if no frames are possible at the rate, or the vocoder takes others.
        """
        if not items:
            raise DataError("encoder 'mel' learns how loud clips are from training clips; got none. Give it some.")
        if self._frames is None:
            self._take(usual_rate(items))
        usual = min(ROOM, float(np.quantile([item.seconds for item in items], 0.99)))
        seconds = usual if self._seconds is None else self._seconds
        self._count = self.frames.holding(math.ceil(seconds * self.frames.rate))
        fitting = [item for item in items if self._trouble(item) is None]
        loudest = [float(self._bands(item).max()) for item in fitting[:: max(1, len(fitting) // _ENOUGH)]]
        self._loudest = max([QUIET + 1, *loudest])
        self._variations = self._varying()

    def state(self) -> Mapping[str, Any]:
        """Return the frames, how many a clip has, the loudest band, and the vocoder's name and digest."""
        return {
            "frames": self.frames.to_json(),
            "count": self._count,
            "loudest": self._loudest,
            "vocoder": {"name": self.vocoder.name, "digest": self.vocoder.digest},
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back the state. Raises CheckpointError if its vocoder is not on this machine, or is another by now."""
        self._frames = Frames.from_json(state["frames"])
        self._count, self._loudest = int(state["count"]), float(state["loudest"])
        self._vocoder = kept(state["vocoder"]["name"], state["vocoder"]["digest"], self._frames)
        self._variations = self._varying()

    def encode(self, items: Sequence[Clip], *, noise: Noise | None = None) -> Float[Tensor, "B M T"]:
        """Return the bands of clips, which are brought to the rate and filled up with silence.

        noise: of an encoder made to vary clips, decides how fast and loud each is

        Raises DataError for a clip that is too long, empty, or has samples that are no numbers.
        """
        for item in items:
            if trouble := self._trouble(item):
                raise DataError(trouble)
        if not items:
            return torch.zeros(0, *self.space.shape)
        if noise is None or self._variations is None:
            mels = torch.cat([self._bands(item) for item in items])
        else:
            mels = self._variations(items, noise)
        return 2 * (mels - QUIET) / (self._loudest - QUIET) - 1

    def decode(self, tensors: Float[Tensor, "B M T"]) -> list[Clip]:
        """Return the clips that the vocoder makes of bands, in steps of 16 bits, up to where they fall silent.

        A clip ends where what follows is on the whole nearer to silence than to e times its magnitudes; of a pause a
        quarter of a second is counted, so traces of noise after the end are told from a sound after a pause. It has at
        least one frame. What is no number is silence. A clip has the same bits whichever others are decoded with it.
        """
        x = tensors.float().nan_to_num(-1.0, 1.0, -1.0).clamp(-1, 1)
        mels = (x + 1) * (self._loudest - QUIET) / 2 + QUIET
        with threads(1), torch.inference_mode():
            return [self._clip(mel) for mel in mels[:, None]]

    def prefix(self, text: str) -> Sequence[Sequence[int]]:
        """Raise ConditionError, since no text starts a sound."""
        raise ConditionError(
            "encoder 'mel' gives no tokens, so no text starts a sound. To have a clip continued, give it as known, "
            "with the frames that are free."
        )

    def check_room(self, asked: Mapping[str, float | str]) -> None:
        """Raise ConditionError for clips that are to take longer than there is room for."""
        check_room(asked, self._length / self.frames.rate)

    def free(self, start: float, end: float | None = None) -> Bool[ndarray, " T"]:
        """Return which frames are to be drawn around a part that is known: true from start to end, in seconds.

        The bands of the others are kept; the vocoder makes the sound of all of them anew.

        end: None for the end of all
        """
        times = np.arange(self._count) * self.frames.hop / self.frames.rate
        return (times >= start) & (times < (math.inf if end is None else end))

    def _take(self, rate: int | None) -> None:
        given = {name: value for name, value in {"rate": rate, **self._given}.items() if value is not None}
        self._frames = _frames(given, self._asked)
        mel_filters(self._frames)
        self._vocoder = chosen(self._asked, self._frames)

    def _varying(self) -> Variations | None:
        if not self.augments:
            return None
        longest = self._length / self.frames.rate
        return Variations(self._vary, rate=self.frames.rate, longest=longest, spectrum=self._spectrum)

    @property
    def _length(self) -> int:
        return (self._count - 1) * self.frames.hop

    def _trouble(self, clip: Clip) -> str | None:
        return unfit(clip, encoder="mel", rate=self.frames.rate, length=self._length)

    def _bands(self, clip: Clip) -> Float[Tensor, "1 M T"]:
        return self._spectrum(resampled(clip.wave, clip.rate, self.frames.rate))

    def _spectrum(self, wave: Float32[ndarray, " L"]) -> Float[Tensor, "1 M T"]:
        padded = torch.zeros(1, self._length)
        padded[0, : len(wave)] = torch.from_numpy(wave[: self._length])
        with threads(1):
            return log_mel(padded, self.frames)

    def _clip(self, mel: Float[Tensor, "1 M T"]) -> Clip:
        wave = stepped(self.vocoder.waves(mel)[0].numpy())
        return Clip(wave=wave[: _sounding(mel[0], self.frames)], rate=self.frames.rate)


def _sounding(mel: Float[Tensor, "M T"], frames: Frames) -> int:
    """Return how many samples there are to the end of the sound."""
    weights = mel.exp().mean(0).log() - QUIET - _SILENT
    places = torch.arange(len(weights))
    pause = places - torch.where(weights >= 0, places, -1).cummax(0).values
    # Of a pause no more counts than this, or a long one would outweigh what comes after it.
    weights = weights.masked_fill(pause * frames.hop > _PAUSE * frames.rate, 0.0)
    last = int(weights.cumsum(0).argmax())
    # The last frame that is heard reaches beyond the end by a quarter of itself.
    return max(frames.size, frames.hop * last - frames.size // 4)


def _frames(given: Mapping[str, Any], vocoder: str | None) -> Frames:
    """Return the frames that are asked for; what is not given is as a trained vocoder for such frames has it."""
    if vocoder is None:
        fitting = [frames for frames in shipped().values() if given.items() <= frames.to_json().items()]
    else:
        fitting = [] if vocoder in UNTRAINED else [trained(vocoder).frames]
    if fitting:
        return Frames(**{**fitting[0].to_json(), **given})
    rate: int = given["rate"]
    size: int = given.get("size", max(4, 2 ** round(math.log2(_USUAL * max(1, rate)))))
    usual = {"bands": 80 if rate >= 16_000 else 64, "size": size, "hop": size // 4, **given}
    return Frames(**usual) if "bands" in given else _with_bands(usual)


def _with_bands(usual: Mapping[str, Any]) -> Frames:
    """Return frames with as many bands as usual, or halved until each has a frequency: of low rates there are few."""
    frames = Frames(**usual)
    try:
        mel_filters(frames)
    except OptionError:
        return _with_bands({**usual, "bands": frames.bands // 2})
    return frames
