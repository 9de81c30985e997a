from __future__ import annotations

import math

import pytest
import torch

from genwright.seeds import Noise
from genwright_audio import griffinlim
from genwright_audio.griffinlim import GriffinLim, Scattered, fitted, phases
from genwright_audio.spectrum import MUSIC, TELEPHONE, Frames, istft, log_mel, stft


def chord(frames: Frames, count: int) -> torch.Tensor:
    """Return two tones that swell and fade, of `count` frames."""
    seconds = torch.arange((count - 1) * frames.hop) / frames.rate
    swell = torch.sin(math.pi * seconds / seconds[-1])
    return (swell * (0.3 * torch.sin(2 * math.pi * 440 * seconds) + 0.2 * torch.sin(2 * math.pi * 880 * seconds)))[None]


@pytest.mark.parametrize("frames", [TELEPHONE, MUSIC])
def test_a_chord_comes_back_with_the_same_bands(frames: Frames) -> None:
    mels = log_mel(chord(frames, 48), frames)
    again = GriffinLim(frames=frames).waves(mels)
    assert again.shape == (1, 47 * frames.hop)
    loud = mels > mels.max() - 3
    assert float((log_mel(again, frames) - mels)[loud].abs().mean()) < 0.25


def test_more_rounds_fit_better_and_keep_the_magnitudes() -> None:
    wanted = stft(Noise(1, torch.arange(1)).normal("waves", 0, 47 * 64), TELEPHONE).abs()
    begun = torch.polar(wanted, phases(wanted, TELEPHONE))

    def error(rounds: int) -> float:
        spectra = fitted(begun, TELEPHONE, rounds=rounds)
        torch.testing.assert_close(spectra.abs(), wanted)
        return float((stft(istft(spectra, TELEPHONE, length=47 * 64), TELEPHONE).abs() - wanted).norm())

    assert error(32) < error(4) < error(0)


def test_momentum_needs_fewer_rounds_to_the_same_error(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = stft(Noise(1, torch.arange(1)).normal("waves", 0, 47 * 64), TELEPHONE).abs()
    begun = torch.polar(wanted, phases(wanted, TELEPHONE))

    def error(rounds: int) -> float:
        spectra = fitted(begun, TELEPHONE, rounds=rounds)
        return float((stft(istft(spectra, TELEPHONE, length=47 * 64), TELEPHONE).abs() - wanted).norm())

    with_momentum = error(16)
    monkeypatch.setattr(griffinlim, "_MOMENTUM", 0.0)
    assert with_momentum < error(32)


def test_a_tone_runs_on_before_the_first_round() -> None:
    """With phases at random it was noise around its pitch."""
    tone = 0.5 * torch.sin(2 * math.pi * 620 * torch.arange(63 * 64) / 8000)[None]
    again = GriffinLim(frames=TELEPHONE, rounds=0).waves(log_mel(tone, TELEPHONE))[0, 500:-500]
    energy = torch.fft.rfft(again * torch.hann_window(len(again))).abs().square()
    pitches = torch.arange(len(energy)) * 8000 / len(again)
    assert float(energy[(pitches - 620).abs() < 12].sum() / energy.sum()) > 0.95


def test_silence_has_phases_too() -> None:
    found = phases(torch.zeros(1, TELEPHONE.bins, 16), TELEPHONE)
    assert bool(found.isfinite().all())
    torch.testing.assert_close(found[0, 3, 1] - found[0, 3, 0], torch.tensor(2 * math.pi * 3 / 4 - 2 * math.pi))


def test_a_waveform_has_the_same_bits_alone_and_among_sixteen() -> None:
    mels = torch.cat([log_mel(chord(TELEPHONE, 32) / (row + 1), TELEPHONE) for row in range(16)])
    vocoder = GriffinLim(frames=TELEPHONE)
    together = vocoder.waves(mels)
    for row in range(16):
        assert torch.equal(vocoder.waves(mels[row : row + 1])[0], together[row])


def test_silence_stays_near_silence() -> None:
    waves = GriffinLim(frames=TELEPHONE).waves(log_mel(torch.zeros(1, 31 * 64), TELEPHONE))
    assert float(waves.abs().max()) < 1e-3


def test_where_phases_are_scattered_noise_does_not_pulse() -> None:
    noise = 0.1 * Noise(2, torch.arange(1)).normal("waves", 0, 63 * 256)
    # As a model draws noise: without what is by chance in its bands.
    mels = log_mel(noise, MUSIC).mean(-1, keepdim=True).expand(1, MUSIC.bands, 64).contiguous()
    pulsing, even = (kind(frames=MUSIC).waves(mels)[0] for kind in (GriffinLim, Scattered))
    assert 1.25 * float(even.abs().max() / even.std()) < float(pulsing.abs().max() / pulsing.std())
    torch.testing.assert_close(even.std(), pulsing.std(), rtol=0.2, atol=0)


def test_scattered_phases_are_the_same_each_time() -> None:
    mels = log_mel(chord(TELEPHONE, 32), TELEPHONE)
    assert torch.equal(Scattered(frames=TELEPHONE).waves(mels), Scattered(frames=TELEPHONE).waves(mels))
