from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks.heard import compared, mean
from genwright_audio.spectrum import MUSIC, TELEPHONE, Frames


def spoken(frames: Frames) -> np.ndarray:
    """Return something like two seconds of syllables: buzzes that come and go."""
    times = np.arange(2 * frames.rate) / frames.rate
    buzz = sum(np.sin(2 * np.pi * 120 * n * times) / n for n in range(1, 25))
    return (0.1 * buzz * np.clip(np.sin(2 * np.pi * 3 * times), 0, None)).astype(np.float32)


@pytest.mark.parametrize("frames", [TELEPHONE, MUSIC])
def test_an_original_is_as_good_as_can_be(frames: Frames) -> None:
    pytest.importorskip("pesq")
    found = compared(spoken(frames), spoken(frames), frames)
    assert found.pesq > 4.4
    assert found.stoi == pytest.approx(1.0, abs=1e-3)
    assert found.lsd == 0


@pytest.mark.parametrize("frames", [TELEPHONE, MUSIC])
def test_noise_makes_all_three_worse(frames: Frames) -> None:
    pytest.importorskip("pesq")
    wave = spoken(frames)
    noise = np.random.default_rng(1).normal(0, 0.05, len(wave)).astype(np.float32)
    some, more = (compared(wave + much * noise, wave, frames) for much in (0.2, 1.0))
    assert 4.4 > some.pesq > more.pesq
    assert 0.999 > some.stoi > more.stoi
    assert 0 < some.lsd < more.lsd


def test_ten_times_as_loud_is_twenty_decibels_away() -> None:
    pytest.importorskip("pesq")
    noise = np.random.default_rng(1).normal(0, 0.05, 16_000).astype(np.float32)
    assert compared(10 * noise, noise, TELEPHONE).lsd == pytest.approx(20, abs=0.1)


def test_a_mean_has_a_standard_error() -> None:
    found = mean([1.0, 2.0, 3.0, 4.0])
    assert found.value == 2.5
    assert found.error == pytest.approx(math.sqrt(5 / 3) / 2)
    assert found.spread == (2.5 - found.error, 2.5 + found.error)
    assert math.isnan(mean([1.0]).error)
