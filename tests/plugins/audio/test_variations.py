from __future__ import annotations

import numpy as np
import pytest
import torch

from genwright.errors import OptionError
from genwright.seeds import Noise
from genwright_audio.clip import Clip
from genwright_audio.mel import Mel
from genwright_audio.variations import Variations, at_speed


def tone(seconds: float, *, pitch: float = 1000, rate: int = 8000) -> Clip:
    """Return a tone that fades out."""
    times = np.arange(round(seconds * rate)) / rate
    wave = 0.5 * np.sin(2 * np.pi * pitch * times) * (1 - times / seconds)
    return Clip(wave=wave.astype(np.float32), rate=rate)


def fitted(clips: list[Clip], *, vary: float) -> Mel:
    encoder = Mel(vocoder="griffin-lim", seconds=0.5, vary=vary)
    encoder.fit(clips)
    return encoder


def noise(count: int, seed: int = 3) -> Noise:
    return Noise(seed, torch.arange(count))


@pytest.mark.parametrize(("speed", "pitch"), [(40, 1000), (50, 1250), (30, 750)])
def test_at_another_speed_a_wave_has_another_pitch_and_length(speed: int, pitch: float) -> None:
    wave = at_speed(tone(0.4).wave, speed)
    assert len(wave) == round(0.4 * 8000 * 40 / speed)
    assert np.abs(np.fft.rfft(wave)).argmax() * 8000 / len(wave) == pytest.approx(pitch, abs=8000 / len(wave))


def test_variations_of_a_clip_are_as_many_as_speeds_and_as_fast_as_asked_for() -> None:
    clip = tone(0.3)
    plain = fitted([clip], vary=0.1).encode([clip])
    x = fitted([clip], vary=0.1).encode([clip] * 64, noise=noise(64))
    lengths = (x > -1 + 1e-3).any(1).sum(1)
    whole = int((plain > -1 + 1e-3).any(1).sum())
    assert len(lengths.unique()) > 3
    assert 0.88 * whole <= int(lengths.min()) < whole < int(lengths.max()) <= 1.12 * whole


def test_variations_are_quieter_by_up_to_the_share() -> None:
    clips = [tone(0.3)] * 256
    variations = Variations(0.25, rate=8000, longest=0.5, spectrum=lambda _: torch.zeros(1, 2, 2))
    levels = variations(clips, noise(256))[:, 0, 0].exp()
    assert float(levels.min()) == pytest.approx(0.75, abs=0.01)
    assert float(levels.max()) == pytest.approx(1.0, abs=0.01)
    assert float(levels.mean()) == pytest.approx(0.875, abs=0.02)


def test_silence_stays_silence() -> None:
    clip = tone(0.1)
    x = fitted([clip], vary=0.5).encode([clip] * 8, noise=noise(8))
    assert x[:, :, -8:].unique().tolist() == [-1]


def test_no_variation_is_longer_than_there_is_room_for() -> None:
    whole, longest = tone(0.5), 0.504
    heard: list[int] = []

    def spectrum(wave: np.ndarray) -> torch.Tensor:
        heard.append(len(wave))
        return torch.zeros(1, 2, 2)

    Variations(0.5, rate=8000, longest=longest, spectrum=spectrum)([whole] * 64, noise(64))
    assert max(heard) == len(whole.wave)
    assert min(heard) < 0.75 * len(whole.wave)


def test_a_clip_is_resampled_once_for_each_speed() -> None:
    heard: list[int] = []

    def spectrum(wave: np.ndarray) -> torch.Tensor:
        heard.append(len(wave))
        return torch.zeros(1, 2, 2)

    variations, clips = Variations(0.1, rate=8000, longest=0.5, spectrum=spectrum), [tone(0.3), tone(0.2)]
    for seed in range(32):
        variations(clips, noise(2, seed))
    assert len(heard) == len(set(heard)) == 18


def test_what_is_not_kept_is_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("genwright_audio.variations._KEPT", 0)
    clip = tone(0.3)
    found = fitted([clip], vary=0.1)
    first = found.encode([clip] * 4, noise=noise(4))
    monkeypatch.undo()
    assert torch.equal(fitted([clip], vary=0.1).encode([clip] * 4, noise=noise(4)), first)


@pytest.mark.parametrize("vary", [-0.1, 0.6, 1.0, 0.012, float("nan")])
def test_a_share_that_varies_nothing_or_beyond_a_half_is_refused(vary: float) -> None:
    with pytest.raises(OptionError, match=rf"by 0, or a share from 0.025 to 0.5; got {vary}. Try vary=0.1."):
        Mel(vary=vary)
