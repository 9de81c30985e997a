from __future__ import annotations

import numpy as np
import pytest

from genwright.errors import ConditionError, DataError, OptionError
from genwright_audio.clip import Clip
from genwright_audio.grid import Grid, resampled
from genwright_audio.mulaw import MuLaw
from genwright_audio.waveform import Waveform


def clip(count: int, rate: int = 8_000, level: float = 0.5) -> Clip:
    return Clip(wave=np.full(count, level, np.float32), rate=rate, file="a.wav")


def fitted(*clips: Clip, rate: int | None = None, seconds: float | None = None) -> Grid:
    grid = Grid(encoder="waveform", rate=rate, seconds=seconds)
    grid.fit(clips)
    return grid


def test_it_learns_the_most_frequent_rate_and_the_longest_clip() -> None:
    grid = fitted(clip(10), clip(30), clip(8, 4_000))
    assert grid.state() == {"rate": 8_000, "length": 30}


def test_what_is_given_is_not_learned() -> None:
    assert fitted(clip(10), rate=4_000, seconds=0.5).state() == {"rate": 4_000, "length": 2_000}


def test_a_state_is_taken_back() -> None:
    grid = Grid(encoder="waveform", rate=None, seconds=None)
    grid.restore({"rate": 4_000, "length": 7})
    assert (grid.rate, grid.length) == (4_000, 7)


def test_clips_are_brought_to_the_rate() -> None:
    tone = np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000).astype(np.float32)
    found = resampled(tone, 16_000, 8_000)
    wanted = np.sin(2 * np.pi * 440 * np.arange(8_000) / 8_000)
    assert np.abs(found - wanted)[200:-200].max() < 1e-3
    assert resampled(tone, 16_000, 16_000) is tone
    assert len(resampled(tone[:1], 16_000, 8)) == 1


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (clip(0), r"takes clips with a sample or more; got none \(a.wav\)"),
        (clip(5, rate=0), r"takes clips of a rate from 1 Hz; got one of 0 \(a.wav\). Say at which it was recorded."),
        (clip(5, level=np.nan), r"takes samples that are numbers; got some that are none \(a.wav\). Leave it out."),
        (clip(31), r"takes clips of up to 0.00375 seconds; got one of 0.00387 \(a.wav\). Cut it, or set seconds."),
    ],
)
def test_what_has_no_place_on_it_is_named(bad: Clip, words: str) -> None:
    with pytest.raises(DataError, match=words):
        fitted(clip(30)).waves([bad])


@pytest.mark.parametrize(("rate", "seconds"), [(0, None), (None, 0.0), (None, 31.0), (None, float("nan"))])
def test_other_options_are_refused(rate: int | None, seconds: float | None) -> None:
    with pytest.raises(OptionError, match=r"encoder 'waveform' takes (a rate from 1|clips of up to 30 seconds); got"):
        Grid(encoder="waveform", rate=rate, seconds=seconds)


def test_no_clips_are_nothing_to_learn_from() -> None:
    with pytest.raises(DataError, match=r"encoder 'waveform' learns from training clips; got none. Give it some."):
        fitted()


def test_the_longest_clip_has_a_place_whichever_way_its_last_half_sample_is_rounded() -> None:
    """48 kHz has six samples for one of 8 kHz: these are two and a half, of which soxr makes three."""
    grid = fitted(clip(15, rate=48_000), rate=8_000)
    assert len(grid.waves([clip(15, rate=48_000)])[0]) == grid.length == 2


@pytest.mark.parametrize("encoder", [Waveform, MuLaw])
def test_clips_longer_than_there_is_room_for_are_not_asked_for(encoder: type[Waveform | MuLaw]) -> None:
    made = encoder(rate=8_000, seconds=0.98765)
    made.fit([clip(30)])
    made.check_room({"seconds": 0.98, "digit": "3"})
    made.check_room({"digit": "3"})
    with pytest.raises(ConditionError, match=r"'seconds' asks for 25; this model has room for 0.987. Ask for that or"):
        made.check_room({"seconds": 25.0})
