from __future__ import annotations

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


def test_clips_come_back_to_the_bit(tones: Tones) -> None:
    clips, encoder = tones(5), Waveform()
    encoder.fit(clips)
    x = encoder.encode(clips)
    assert x.shape == (5, 1, encoder.space.shape[1])
    for found, clip in zip(encoder.decode(x), clips, strict=True):
        assert found.rate == clip.rate
        assert abs(found.wave - clip.wave[: len(found.wave)]).max() <= 1 / 32_768
        assert len(clip.wave) - len(found.wave) < 20


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
