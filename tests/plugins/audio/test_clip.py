from __future__ import annotations

import math

import numpy as np
import pytest

from genwright.errors import ShapeError
from genwright_audio.clip import LONGEST, Clip, difference, digest, facts, flaw, stepped


def clip(*samples: float, rate: int = 8_000, **said: str) -> Clip:
    return Clip(wave=np.array(samples, dtype=np.float32), rate=rate, facts=said)


@pytest.mark.parametrize(
    ("flawed", "words"),
    [
        (clip(), "It is empty: it has no samples."),
        (clip(0.5, float("nan")), "It has samples that are no numbers."),
        (clip(0.5, float("-inf")), "It has samples that are no numbers."),
        (clip(0.5, -1.5), "It has samples of up to 1.5; wanted are those from -1 to 1."),
        (clip(0.0, 1e-4), "It is silent: no sample is over -78 dB of full scale."),
        (clip(0.5, rate=0), "It has 0 samples a second; wanted is 1 or more."),
        (Clip(wave=np.zeros(int(LONGEST) + 1, np.float32), rate=1), "It takes 601 seconds, over the limit of 600."),
    ],
)
def test_a_flaw_is_said_in_one_sentence(flawed: Clip, words: str) -> None:
    assert flaw(flawed) == words


def test_a_sound_has_none() -> None:
    assert flaw(clip(0.5, -1.0, 1.0)) is None


def test_length_and_peak() -> None:
    assert clip(0.1, -0.7, 0.2, 0.0).seconds == 4 / 8_000
    assert clip(0.1, -0.7, 0.2).peak == pytest.approx(0.7)
    assert clip().peak == 0


def test_clips_are_equal_by_samples_rate_and_facts() -> None:
    assert clip(0.5, digit="3") == clip(0.5, digit="3")
    assert hash(clip(0.5)) == hash(clip(0.5))
    for other in (clip(0.5), clip(0.25, digit="3"), clip(0.5, rate=1, digit="3"), clip(0.5, 0.5, digit="3")):
        assert clip(0.5, digit="3") != other
    assert clip(0.5) != 0.5
    assert Clip(wave=clip(0.5).wave, rate=8_000, file="a.wav") == clip(0.5)


def test_the_digest_tells_rates_and_samples_apart() -> None:
    digests = {digest(one) for one in (clip(0.5), clip(0.5, 0.0), clip(0.25), clip(0.5, rate=1))}
    assert len(digests) == 4
    assert digest(clip(0.5, digit="3")) == digest(clip(0.5))


def test_the_sign_of_nothing_does_not_count() -> None:
    ours, theirs = clip(-0.0, 0.5), clip(0.0, 0.5)
    assert np.signbit(ours.wave[0])
    assert (ours, hash(ours), digest(ours)) == (theirs, hash(theirs), digest(theirs))


def test_what_is_said_is_kept_in_order() -> None:
    assert list(facts({"text": "two", "other": "x", "digit": "2", "speaker": 7, "kind": ""})) == ["digit", "text"]


def test_the_largest_difference_has_a_place() -> None:
    found = difference(clip(0.5, 0.5, 0.0), clip(0.5, 0.25, 0.125))
    assert found is not None
    assert (found.size, found.unit, found.where, found.close) == (0.25, "of full scale", "at 0.0001 s", False)


def test_two_steps_are_close() -> None:
    near = difference(clip(0.5), clip(0.5 + 2 / 32_768))
    far = difference(clip(0.5), clip(0.5 + 3 / 32_768))
    assert near is not None
    assert near.close
    assert far is not None
    assert not far.close


def test_equal_samples_differ_in_what_they_say() -> None:
    found = difference(clip(0.5, digit="3"), clip(0.5, digit="4"))
    assert found is not None
    assert (found.size, found.where) == (0, "in what they say of their digit")


def test_other_lengths_and_rates_have_no_difference() -> None:
    assert difference(clip(0.5), clip(0.5, 0.5)) is None
    assert difference(clip(0.5), clip(0.5, rate=1)) is None


def test_steps_are_of_16_bits_whatever_comes() -> None:
    wave = stepped(np.array([0.3, 2.0, -2.0, np.nan, np.inf, -np.inf]))
    assert wave.dtype == np.float32
    levels = wave.astype(np.float64) * 32_768
    assert np.array_equal(levels, levels.round())
    assert levels.tolist()[1:] == [32_767, -32_768, 0, 32_767, -32_768]
    assert np.array_equal(stepped(wave), wave)


@pytest.mark.parametrize(
    "wave", [np.zeros((2, 3), np.float32), np.zeros(3), np.zeros(3, np.int16), np.array(0.5, np.float32)]
)
def test_several_channels_and_other_numbers_are_refused(wave: np.ndarray) -> None:
    with pytest.raises(ShapeError, match=r"a clip has samples in one channel, float32 \[L\]; got .*Average channels"):
        Clip(wave=wave, rate=8_000)


def test_a_clip_of_no_rate_has_no_length() -> None:
    assert math.isnan(Clip(wave=np.zeros(3, np.float32), rate=0).seconds)
