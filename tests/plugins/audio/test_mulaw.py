from __future__ import annotations

import numpy as np
import pytest
import torch

from genwright.errors import ConditionError
from genwright.testing.encoders import check_encoder
from genwright_audio.domain import Audio
from genwright_audio.mulaw import LEVELS, MuLaw, compressed, expanded
from tests.plugins.audio.conftest import Tones


def test_it_keeps_the_contract_of_encoders(tones: Tones) -> None:
    for check in check_encoder(MuLaw(), tones(8), domain=Audio(), lossy=True):
        assert check.trouble is None, f"{check.name}: {check.trouble}"


def test_levels_are_kept() -> None:
    levels = np.arange(LEVELS)
    assert np.array_equal(compressed(expanded(levels)), levels)
    assert compressed(np.array([-1.0, 1.0, -9.0, 9.0])).tolist() == [0, 255, 0, 255]


def test_it_is_the_curve_of_the_recommendation() -> None:
    """ln(1 + 255 |x|) / ln 256, at 0.01 and at 0.1."""
    assert compressed(np.array([0.01, 0.1, -0.1])).tolist() == [
        round((1 + np.log(1 + 255 * x) / np.log(256)) / 2 * 255)
        if x > 0
        else round((1 - np.log(26.5) / np.log(256)) / 2 * 255)
        for x in (0.01, 0.1, -0.1)
    ]


def test_quiet_sounds_have_finer_steps() -> None:
    steps = np.diff(expanded(np.arange(LEVELS)))
    assert steps[127] < 2e-4
    assert steps[0] > 0.04


def test_a_clip_ends_at_its_token(tones: Tones) -> None:
    clips, encoder = tones(4), MuLaw(seconds=0.5)
    encoder.fit(clips)
    x = encoder.encode(clips)
    assert x.dtype == torch.int64
    assert (x == LEVELS).sum(1).tolist() == [4_000 - len(clip.wave) for clip in clips]
    assert [len(found.wave) for found in encoder.decode(x)] == [len(clip.wave) for clip in clips]


def test_a_clip_that_fills_the_space_has_no_end() -> None:
    encoder = MuLaw()
    encoder.restore({"rate": 8_000, "length": 3})
    assert len(encoder.decode(torch.tensor([[1, 2, 3]]))[0].wave) == 3


def test_whatever_tensors_hold_a_clip_comes_back() -> None:
    encoder = MuLaw()
    encoder.restore({"rate": 8_000, "length": 3})
    found = encoder.decode(torch.tensor([[LEVELS, 1, 2], [-5, 9, 9], [5, 900, 5], [7, LEVELS, 7]]))
    assert [len(clip.wave) for clip in found] == [1, 1, 1, 1]


def test_no_text_starts_a_sound() -> None:
    with pytest.raises(ConditionError, match=r"encoder 'mu-law' has no token for text, so none starts a sound"):
        MuLaw().prefix("a")
