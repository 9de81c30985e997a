from __future__ import annotations

import numpy as np
import pytest

from genwright_audio.clip import Clip
from genwright_audio.loudness import QUIETEST, RATE, loudness


def clip(wave: np.ndarray, rate: int = 8_000) -> Clip:
    return Clip(wave=wave.astype(np.float32), rate=rate)


def test_each_fiftieth_of_a_second_has_its_level_in_db_of_full_scale() -> None:
    found = loudness(clip(np.repeat([1.0, 0.1, -0.5, 0.01], 160)))
    assert found is not None
    assert found.tolist() == pytest.approx([0.0, -20.0, 20 * np.log10(0.5), -40.0], abs=1e-4)


def test_a_tone_is_three_db_below_its_peak() -> None:
    found = loudness(clip(np.sin(2 * np.pi * 400 * np.arange(8_000) / 8_000)))
    assert found is not None
    assert len(found) == RATE
    assert found == pytest.approx(-10 * np.log10(2), abs=1e-4)


@pytest.mark.parametrize("level", [0.0, 1e-5])
def test_what_is_quieter_than_is_told_has_the_least_level(level: float) -> None:
    assert loudness(clip(np.full(320, level))) == pytest.approx([QUIETEST] * 2)


def test_the_last_value_is_of_what_is_left() -> None:
    found = loudness(clip(np.concatenate((np.full(160, 0.1), np.full(7, 1.0)))))
    assert found is not None
    assert found.tolist() == pytest.approx([-20.0, 0.0], abs=1e-4)


@pytest.mark.parametrize("rate", [50, 11_025, 22_050, 44_101])
def test_every_sample_counts_once_at_any_rate(rate: int) -> None:
    """Values of a rate that 50 does not divide are of unequal numbers of samples."""
    for place in (0, rate // 3, rate // 50, rate // 50 + 1, rate - 1):
        wave = np.zeros(rate)
        wave[place] = 1.0
        found = loudness(clip(wave, rate))
        assert found is not None
        assert len(found) == 50
        (loud,) = np.flatnonzero(found > QUIETEST).tolist()
        assert loud / 50 <= place / rate + 1 / rate
        assert place / rate < (loud + 1) / 50 + 1 / rate


@pytest.mark.parametrize("made", [clip(np.zeros(0)), clip(np.ones(9), rate=49)])
def test_of_too_few_samples_a_second_nothing_is_said(made: Clip) -> None:
    assert loudness(made) is None
