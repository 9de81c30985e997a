"""Clips: mono waveforms with their rate, what is wrong with one, what tells it apart, and what it says of itself."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, final

import numpy as np
from jaxtyping import Float, Float32, Int64
from numpy import ndarray

from genwright.domain import Difference
from genwright.errors import ShapeError

__all__ = ["FACTS", "LONGEST", "ROOM", "Clip", "difference", "digest", "facts", "flaw", "levels", "stepped"]

FACTS = ("digit", "speaker", "kind", "text", "sample", "digest", "run", "ends")
"""What a clip says of itself, and its file in a tag: four conditions, and where it came from.

run, ends: of samples one after another in one clip, the run that drew them, and where in it each ends: "1600 3120"
"""

LONGEST = 600.0
"""The longest clip that is read, in seconds."""

ROOM = 30.0
"""The longest clip that an encoder has room for, in seconds: what models learn is shorter by far."""

_STEPS = 32_768

# The last bits of a network's output move a sample across one rounding, and a vocoder's sums across another.
_CLOSE = 2 / _STEPS

# Four steps of 16 bits, -78 dB of full scale: below is what a converter hears of nothing.
_SILENT = 4 / _STEPS


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Clip:
    """A sound in one channel.

    wave:  samples from -1 to 1, float32 [L]
    rate:  samples a second, in Hz
    facts: what it says of itself, by the names in FACTS
    file:  the name of the file that it was read from, which does not count where clips are compared

    Raises ShapeError for samples of another kind, or in several channels.
    """

    wave: ndarray
    rate: int
    facts: Mapping[str, str] = field(default_factory=dict)
    file: str | None = None

    def __post_init__(self) -> None:
        if self.wave.ndim != 1 or self.wave.dtype != np.float32:
            raise ShapeError(
                f"a clip has samples in one channel, float32 [L]; got {self.wave.dtype} {list(self.wave.shape)}. "
                "Average channels, and convert: wave.mean(0).astype(numpy.float32)."
            )

    @property
    def seconds(self) -> float:
        """How long it is; NaN at no rate."""
        return len(self.wave) / self.rate if self.rate else math.nan

    @property
    def peak(self) -> float:
        """Its largest sample, whatever the sign; 0 of an empty clip."""
        return float(np.abs(self.wave).max(initial=0.0))

    def saying(self, **facts: str) -> Clip:
        """Return the clip with more facts."""
        return replace(self, facts={**self.facts, **facts})

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Clip):
            return NotImplemented
        return (self.rate, self.facts) == (other.rate, other.facts) and np.array_equal(self.wave, other.wave)

    def __hash__(self) -> int:
        # Without the sign of -0, which equals 0.
        return hash((self.rate, len(self.wave), (self.wave + 0).tobytes()))


def flaw(clip: Clip) -> str | None:
    """Return why a clip is none that Genwright works with, in one sentence, or None if it is one."""
    wave = clip.wave
    if not len(wave):
        return "It is empty: it has no samples."
    if clip.rate < 1:
        return f"It has {clip.rate} samples a second; wanted is 1 or more."
    if clip.seconds > LONGEST:
        return f"It takes {clip.seconds:,.0f} seconds, over the limit of {LONGEST:g}."
    if not np.isfinite(wave).all():
        return "It has samples that are no numbers."
    if clip.peak > 1:
        return f"It has samples of up to {clip.peak:.3g}; wanted are those from -1 to 1."
    if clip.peak < _SILENT:
        return "It is silent: no sample is over -78 dB of full scale."
    return None


def digest(clip: Clip) -> str:
    """Return the SHA-256 of a clip's rate, length and samples, in hexadecimal; equal clips have equal ones."""
    found = hashlib.sha256(f"{clip.rate} {len(clip.wave)} ".encode())
    found.update((clip.wave + 0).astype("<f4").tobytes())
    return found.hexdigest()


def difference(ours: Clip, theirs: Clip) -> Difference | None:
    """Return how far the most different sample is, the first of equals; None for other rates or lengths."""
    if (ours.rate, ours.wave.shape) != (theirs.rate, theirs.wave.shape) or not len(ours.wave):
        return None
    apart = np.abs(ours.wave.astype(np.float64) - theirs.wave)
    place = int(apart.argmax())
    size = float(apart[place])
    where = f"at {place / ours.rate:.4f} s" if size else _differing(ours, theirs)
    return Difference(size=size, unit="of full scale", where=where, close=size <= _CLOSE)


def facts(said: Mapping[Any, Any]) -> dict[str, str]:
    """Return what is said that is kept, in the order of FACTS."""
    return {name: said[name] for name in FACTS if isinstance(said.get(name), str) and said[name]}


def levels(wave: Float[ndarray, " L"], *, bits: int = 16) -> Int64[ndarray, " L"]:
    """Return the whole number nearest to each sample, of so many bits; what is beyond -1 or 1 is cut, NaN becomes 0."""
    top = 1 << bits - 1
    whole: ndarray = (np.nan_to_num(np.asarray(wave, dtype=np.float64)).clip(-1, 1) * top).round().clip(max=top - 1)
    return whole.astype(np.int64)


def stepped(wave: Float[ndarray, " L"]) -> Float32[ndarray, " L"]:
    """Return samples in steps of 16 bits, which files keep exactly; `levels` says what becomes of others."""
    steps: ndarray = (levels(wave) / _STEPS).astype(np.float32)
    return steps


def _differing(ours: Clip, theirs: Clip) -> str:
    one, other = facts(ours.facts), facts(theirs.facts)
    names = [name for name in FACTS if one.get(name) != other.get(name)]
    return f"in what they say of their {' and '.join(names)}" if names else ""
