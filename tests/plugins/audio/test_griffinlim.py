from __future__ import annotations

import math

import pytest
import torch
from genwright_audio.griffinlim import GriffinLim
from genwright_audio.spectrum import MUSIC, TELEPHONE, Frames, log_mel


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


def test_more_rounds_fit_better() -> None:
    mels = log_mel(chord(TELEPHONE, 48), TELEPHONE)

    def error(rounds: int) -> float:
        again = log_mel(GriffinLim(frames=TELEPHONE, rounds=rounds).waves(mels), TELEPHONE)
        return float((again - mels).exp().sub(1).abs().mean())

    assert error(32) < error(4) < error(0)


def test_a_waveform_has_the_same_bits_alone_and_among_sixteen() -> None:
    mels = torch.cat([log_mel(chord(TELEPHONE, 32) / (row + 1), TELEPHONE) for row in range(16)])
    vocoder = GriffinLim(frames=TELEPHONE)
    together = vocoder.waves(mels)
    for row in range(16):
        assert torch.equal(vocoder.waves(mels[row : row + 1])[0], together[row])


def test_silence_stays_near_silence() -> None:
    waves = GriffinLim(frames=TELEPHONE).waves(log_mel(torch.zeros(1, 31 * 64), TELEPHONE))
    assert float(waves.abs().max()) < 1e-3
