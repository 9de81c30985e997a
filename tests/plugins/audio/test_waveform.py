from __future__ import annotations

import numpy as np
import pytest
import torch

from genwright.errors import ConditionError
from genwright.testing.encoders import check_encoder
from genwright_audio.domain import Audio
from genwright_audio.waveform import Waveform
from tests.plugins.audio.conftest import Tones


def test_it_keeps_the_contract_of_encoders(tones: Tones) -> None:
    for check in check_encoder(Waveform(), tones(8), domain=Audio(), lossy=True):
        assert check.trouble is None, f"{check.name}: {check.trouble}"


def test_clips_come_back_to_the_bit_but_for_silence_at_their_end(tones: Tones) -> None:
    clips, encoder = tones(5), Waveform()
    encoder.fit(clips)
    x = encoder.encode(clips)
    assert x.shape == (5, 1, encoder.space.shape[1])
    for found, clip in zip(encoder.decode(x), clips, strict=True):
        assert found.rate == clip.rate
        assert np.array_equal(found.wave, clip.wave[: len(found.wave)])
        assert abs(clip.wave[len(found.wave) :]).max(initial=0) <= 16 / 32_768
        assert abs(found.wave[-1]) > 16 / 32_768


def test_clips_of_another_rate_come_back_at_that_of_most(tones: Tones) -> None:
    (other,), encoder = tones(1, rate=16_000), Waveform()
    encoder.fit([*tones(3), other])
    (found,) = encoder.decode(encoder.encode([other]))
    assert found.rate == 8_000
    assert abs(found.seconds - other.seconds) < 0.002
    assert abs(found.wave - other.wave[::2][: len(found.wave)])[20:-20].max() < 0.05


def test_whatever_tensors_hold_a_clip_comes_back() -> None:
    encoder = Waveform(rate=8_000, seconds=0.01)
    encoder.restore({"rate": 8_000, "length": 80})
    for value in (torch.nan, torch.inf, -torch.inf, 0.0, 5.0):
        (clip,) = encoder.decode(torch.full((1, 1, 80), value))
        assert len(clip.wave) == 80
        assert abs(clip.wave).max() <= 1


def test_no_text_starts_a_sound() -> None:
    with pytest.raises(ConditionError, match=r"encoder 'waveform' gives no tokens, so no text starts a sound"):
        Waveform().prefix("a")
