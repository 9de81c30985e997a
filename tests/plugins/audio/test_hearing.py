from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from genwright_audio.clip import Clip
from genwright_audio.hearing import BANDS, HOP, RANGE, binned, heard, hearing_rate
from tests.plugins.audio.words import words


def tone(height: float, *, rate: int = 8_000, seconds: float = 0.4) -> Clip:
    time = np.arange(int(rate * seconds)) / rate
    return Clip(wave=(0.5 * np.sin(2 * np.pi * height * time)).astype(np.float32), rate=rate)


def test_there_is_a_frame_every_8_ms() -> None:
    assert heard(tone(500), 8_000).shape == (BANDS, int(0.4 / HOP) + 1)


def test_higher_tones_are_heard_in_higher_bands() -> None:
    loudest = [heard(tone(height), 8_000).mean(1).argmax() for height in (200, 500, 1_000, 2_000, 3_500)]
    assert loudest == sorted(set(loudest))


def test_what_is_50_db_below_the_loudest_band_counts_as_that() -> None:
    bands = heard(tone(500), 8_000)
    assert bands.max() - bands.min() == pytest.approx(RANGE, abs=1e-4)
    assert pytest.approx(np.log(10**2.5)) == RANGE
    loud = words(1)[0]
    quiet = replace(loud, wave=loud.wave + np.float32(1e-5) * np.resize([1, -1], len(loud.wave)).astype(np.float32))
    np.testing.assert_allclose(heard(quiet, 8_000), heard(loud, 8_000), atol=0.05)


def test_half_as_loud_is_so_in_every_band() -> None:
    clip = words(1)[0]
    half = heard(replace(clip, wave=clip.wave / 2), 8_000)
    np.testing.assert_allclose(half, heard(clip, 8_000) - np.log(2), atol=1e-4)


def test_a_clip_sounds_alike_at_other_rates() -> None:
    low, high = (heard(tone(500, rate=rate), 8_000) for rate in (8_000, 44_100))
    inner = slice(5, -5)  # a tone that begins at once has other edges at each rate
    np.testing.assert_allclose(high[:, inner], low[:, inner], atol=0.3)


@pytest.mark.parametrize("samples", [1, 100, 128, 129])
def test_a_clip_shorter_than_a_frame_is_heard(samples: int) -> None:
    clip = Clip(wave=np.full(samples, 0.5, dtype=np.float32), rate=8_000)
    assert np.isfinite(heard(clip, 8_000)).all()


def test_parts_have_the_mean_of_their_time() -> None:
    bands = np.arange(BANDS * 8, dtype=np.float32).reshape(BANDS, 8)
    np.testing.assert_array_equal(binned(bands, 4), bands.reshape(BANDS, 4, 2).mean(2))
    np.testing.assert_array_equal(binned(bands[:, :1], 3), np.repeat(bands[:, :1], 3, axis=1))


def test_the_hearing_rate_is_that_of_most_clips() -> None:
    assert hearing_rate([tone(500, rate=rate) for rate in (16_000, 22_050, 22_050)]) == 22_050
    assert hearing_rate([tone(500, rate=rate) for rate in (16_000, 22_050)]) == 16_000


@pytest.mark.parametrize(("rate", "usual"), [(1_000, 8_000), (192_000, 48_000)])
def test_rates_at_which_40_bands_make_no_sense_are_not_used(rate: int, usual: int) -> None:
    assert hearing_rate([tone(100, rate=rate)]) == usual
    assert np.isfinite(heard(tone(100, rate=rate), usual)).all()


def test_of_no_clips_the_rate_is_the_lowest() -> None:
    assert hearing_rate([]) == 8_000
