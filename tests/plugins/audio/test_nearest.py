from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy import ndarray

from genwright_audio.clip import Clip
from genwright_audio.hearing import heard
from genwright_audio.nearest import FRAMES, nearest, outline
from tests.plugins.audio.words import gathered, words

Change = Callable[[ndarray], ndarray]


def outlines(clips: list[Clip]) -> ndarray:
    return np.stack([outline(heard(clip, 8_000)) for clip in clips])


def noisy(wave: ndarray) -> ndarray:
    """Return a wave in noise 40 dB below it."""
    return wave + np.random.default_rng(5).normal(size=len(wave)) * wave.std() / 100


def dispersed(wave: ndarray) -> ndarray:
    """Return a wave of the same bands and other phases."""
    spectrum = np.fft.rfft(wave, 2 * len(wave))
    turned = spectrum * np.exp(1j * np.linspace(0, 3, len(spectrum)))
    return np.fft.irfft(turned, 2 * len(wave))[: len(wave)]


CHANGES = {
    "nothing": lambda wave: wave,
    "a third as loud": lambda wave: wave / 3,
    "noise at 40 dB": noisy,
    "20 ms later": lambda wave: np.pad(wave, (160, 0)),
    "20 ms cut off": lambda wave: wave[160:],
    "50 ms cut off its end": lambda wave: wave[:-400],
    "other phases": dispersed,
    "all at once": lambda wave: np.pad(noisy(wave) / 2, (163, 0)),
}


@pytest.fixture(scope="module")
def other_takes() -> float:
    """How alike a clip is to another take at most."""
    real, others = (gathered(60, seed=seed).at(8_000).outlines for seed in (0, 1))
    return float(nearest(others, real)[0].max())


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_copy_is_nearest_to_what_it_was_made_of_and_nearer_than_other_takes_are(
    change: Change, other_takes: float
) -> None:
    real = gathered(60, seed=0).at(8_000).outlines
    copies = [replace(clip, wave=change(clip.wave).astype(np.float32)) for clip in words(60, seed=0)[:12]]
    alike, places = nearest(outlines(copies), real)
    assert places.tolist() == list(range(12))
    assert alike.min() > other_takes


def test_a_clip_and_itself_are_alike_by_one() -> None:
    real = outlines(words(10))
    np.testing.assert_allclose(nearest(real, real)[0], 1, atol=1e-3)


def test_a_clip_among_the_others_is_not_nearest_to_itself() -> None:
    real = outlines(words(10))
    alike, places = nearest(real[4:6], real, own=[4, 5])
    for place, (found, near) in enumerate(zip(alike, places, strict=True), start=4):
        rest = nearest(real[place : place + 1], np.delete(real, place, axis=0))
        assert (found, near) == (rest[0][0], rest[1][0] + (rest[1][0] >= place))


def test_likeness_is_the_correlation_of_the_frames_that_both_have() -> None:
    draws = np.random.default_rng(0)
    one, other = np.zeros((2, 1, 40, FRAMES), dtype=np.float16)
    one[..., :100], other[..., :90] = draws.uniform(0.1, 1, (1, 40, 100)), draws.uniform(0.1, 1, (1, 40, 90))
    pairs = [(one[0, :, max(0, -s) : 100], other[0, :, max(0, s) : 90]) for s in range(-3, 4)]
    cut = [(a[:, : b.shape[1]].ravel(), b[:, : a.shape[1]].ravel()) for a, b in pairs]
    expected = max(np.corrcoef(a.astype(float), b.astype(float))[0, 1] for a, b in cut)
    assert nearest(one, other)[0][0] == pytest.approx(expected, abs=1e-4)


def test_a_part_of_a_clip_is_not_compared_with_all_of_it() -> None:
    (clip,) = words(1)
    half = replace(clip, wave=clip.wave[: len(clip.wave) // 2])
    assert nearest(outlines([half]), outlines([clip]))[0][0] == -1


def test_an_outline_begins_with_the_sound_and_ends_in_silence() -> None:
    (clip,) = words(1)
    late = outline(heard(replace(clip, wave=np.pad(clip.wave, (4_000, 0))), 8_000))
    assert late[:, 0].max() > 0.5
    assert late.shape == (40, FRAMES)
    assert late.max() == pytest.approx(1, abs=1e-3)
    assert not late[:, -20:].any()


def test_more_samples_than_are_compared_at_once_are_all_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    real, samples = outlines(words(12, seed=0)), outlines(words(12, seed=1))
    whole = nearest(samples, real)
    monkeypatch.setattr("genwright_audio.nearest._TOGETHER", 5)
    for one, other in zip(nearest(samples, real), whole, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_of_no_samples_there_are_none() -> None:
    alike, places = nearest(outlines(words(2))[:0], outlines(words(2)))
    assert (len(alike), len(places)) == (0, 0)
