"""Small sounds that say what they are, for the tests of metrics."""

from __future__ import annotations

from functools import cache

import numpy as np

from genwright_audio.clip import Clip, stepped
from genwright_audio.gathered import Gathered

__all__ = ["BOTH", "gathered", "words"]

BOTH = ("0", "1")
_VOICES = {"low": 220.0, "high": 330.0}


def words(count: int, *, seed: int = 0, digits: tuple[str, ...] = BOTH, rate: int = 8_000) -> list[Clip]:
    """Return tones that rise, for the digit 0, or fall, for 1, in a low or a high voice, each otherwise."""
    return list(_words(count, seed, digits, rate))


@cache
def gathered(count: int, *, seed: int = 0) -> Gathered:
    """Return such tones gathered, the same ones to all who ask, so that they are heard once."""
    return Gathered(words(count, seed=seed))


@cache
def _words(count: int, seed: int, digits: tuple[str, ...], rate: int) -> tuple[Clip, ...]:
    random = np.random.default_rng(seed)
    made = []
    for place in range(count):
        digit, (speaker, pitch) = digits[place % len(digits)], list(_VOICES.items())[place // 2 % 2]
        seconds, bend = random.uniform(0.25, 0.4), random.uniform(1.5, 2.5)
        time = np.arange(int(rate * seconds)) / rate
        height = bend ** (time / seconds if digit == "0" else 1 - time / seconds)
        phase = 2 * np.pi * np.cumsum(pitch * random.uniform(0.93, 1.07) * height) / rate
        beat = 1 + 0.7 * np.sin(2 * np.pi * (random.uniform(4, 12) * time + random.uniform()))
        loud = np.sin(np.pi * time / seconds) ** random.uniform(0.3, 0.9) * beat * random.uniform(0.2, 0.4)
        wave = loud * sum(np.sin(k * phase) * random.uniform(0.05, 1) ** 2 for k in range(1, 6)) / 2
        noisy = wave + 0.002 * random.normal(size=len(wave))
        made.append(Clip(wave=stepped(noisy), rate=rate, facts={"digit": digit, "speaker": speaker}))
    return tuple(made)
