"""A rate and a length, to which clips are brought, and the encoders that need nothing else."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, final

import numpy as np
import soxr
from jaxtyping import Float32
from numpy import ndarray

from genwright.encoder import Encoder
from genwright.errors import ConditionError, DataError, OptionError
from genwright_audio.clip import ROOM, Clip

__all__ = ["Grid", "Sampled", "check_room", "check_seconds", "resampled", "unfit", "usual_rate"]


@final
class Grid:
    """The samples that each clip of a data set has: so many, so many a second.

    encoder: the name of the encoder, for messages
    rate:    samples a second; none for that of most training clips
    seconds: how long a clip may be; none for the longest training clip, but 30 at most
    """

    def __init__(self, *, encoder: str, rate: int | None, seconds: float | None) -> None:
        if rate is not None and rate < 1:
            raise OptionError(f"encoder {encoder!r} takes a rate from 1; got {rate}. Try rate=8000.")
        check_seconds(encoder, seconds)
        self._encoder, self._rate, self._seconds = encoder, rate, seconds
        self.rate, self.length = 0, 0

    def fit(self, items: Sequence[Clip]) -> None:
        """Learn the rate and the length, unless they are given."""
        if not items:
            raise DataError(f"encoder {self._encoder!r} learns from training clips; got none. Give it some.")
        self.rate = usual_rate(items) if self._rate is None else self._rate
        seconds = min(ROOM, max(item.seconds for item in items)) if self._seconds is None else self._seconds
        self.length = max(1, round(seconds * self.rate))

    def state(self) -> Mapping[str, Any]:
        """Return the rate and the length."""
        return {"rate": self.rate, "length": self.length}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back the rate and the length."""
        self.rate, self.length = int(state["rate"]), int(state["length"])

    def waves(self, items: Sequence[Clip]) -> list[Float32[ndarray, " _"]]:
        """Return the samples of clips at this rate, each as long as it is.

        Raises DataError for a clip that is too long, empty, or has samples that are no numbers.
        """
        return [self._wave(item) for item in items]

    def _wave(self, clip: Clip) -> Float32[ndarray, " L"]:
        if trouble := unfit(clip, encoder=self._encoder, rate=self.rate, length=self.length):
            raise DataError(trouble)
        return resampled(clip.wave, clip.rate, self.rate)[: self.length]


class Sampled(Encoder[Clip]):
    """What encoders of samples have in common: a grid on which clips lie, and nothing else to learn."""

    def __init__(self, grid: Grid) -> None:
        self.grid = grid

    @property
    def pace(self) -> float:
        """The rate: a place is a sample."""
        return float(self.grid.rate)

    @property
    def augments(self) -> bool:
        """False: a clip is encoded in one way."""
        return False

    def check_room(self, asked: Mapping[str, float | str]) -> None:
        """Raise ConditionError for clips that are to take longer than there is room for."""
        check_room(asked, self.grid.length / self.grid.rate)

    def fit(self, items: Sequence[Clip]) -> None:
        """Learn the rate and the seconds, unless they are given."""
        self.grid.fit(items)

    def state(self) -> Mapping[str, Any]:
        """Return the rate and the length."""
        return self.grid.state()

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back the rate and the length."""
        self.grid.restore(state)


def check_room(asked: Mapping[str, float | str], longest: float) -> None:
    """Raise ConditionError where clips are asked for that take longer than the longest that there is room for."""
    seconds = float(asked.get("seconds", 0))
    if seconds > longest:
        room = math.floor(1_000 * longest) / 1_000
        raise ConditionError(
            f"condition 'seconds' asks for {seconds:g}; this model has room for {room:g}. Ask for that or less."
        )


def check_seconds(encoder: str, seconds: float | None) -> None:
    """Raise OptionError for a length that no encoder takes; None is to be learned."""
    if seconds is not None and not 0 < seconds <= ROOM:
        raise OptionError(
            f"encoder {encoder!r} takes clips of up to {ROOM:g} seconds; got seconds={seconds:g}. Try seconds=1."
        )


def unfit(clip: Clip, *, encoder: str, rate: int, length: int) -> str | None:
    """Return why an encoder has no place for a clip among so many samples at a rate, and what to do; None if it has."""
    takes, where = f"encoder {encoder!r} takes", f" ({clip.file})" if clip.file else ""
    if not len(clip.wave):
        return f"{takes} clips with a sample or more; got none{where}. Leave it out."
    if clip.rate < 1:
        return f"{takes} clips of a rate from 1 Hz; got one of {clip.rate}{where}. Say at which it was recorded."
    if round(clip.seconds * rate) > length:
        return (
            f"{takes} clips of up to {length / rate:.3g} seconds; got one of {clip.seconds:.3g}{where}. "
            "Cut it, or set seconds."
        )
    if not np.isfinite(clip.wave).all():
        return f"{takes} samples that are numbers; got some that are none{where}. Leave it out."
    return None


def usual_rate(clips: Sequence[Clip]) -> int:
    """Return the rate that most clips have, of which there is one or more; of equals that of the earliest."""
    ((usual, _),) = Counter(clip.rate for clip in clips).most_common(1)
    return usual


def resampled(wave: Float32[ndarray, " L"], rate: int, wanted: int) -> Float32[ndarray, " _"]:
    """Return samples at another rate, band-limited, and at least one; those at the rate itself as they are."""
    if rate == wanted:
        return wave
    found: ndarray = soxr.resample(wave, rate, wanted, quality="VHQ").astype(np.float32)
    return found if len(found) else np.zeros(1, np.float32)
