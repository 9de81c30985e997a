from __future__ import annotations

import numpy as np
import pytest

from genwright_audio import gathered
from genwright_audio.clip import Clip
from genwright_audio.features import course
from genwright_audio.gathered import Gathered
from genwright_audio.hearing import heard
from tests.plugins.audio.words import words


def test_clips_with_a_flaw_are_left_out() -> None:
    silent = Clip(wave=np.zeros(800, dtype=np.float32), rate=8_000)
    broken = Clip(wave=np.array([0.5, np.nan], dtype=np.float32), rate=8_000)
    found = Gathered([silent, *words(3), broken])
    assert len(found.clips) == 3
    assert found.said("digit") == ("0", "1", "0")
    assert found.said("kind") == (None, None, None)


def test_they_are_heard_at_a_rate() -> None:
    clips = words(3, rate=16_000)
    found = Gathered(clips).at(8_000)
    np.testing.assert_array_equal(found.courses[1], course(clips[1], heard(clips[1], 8_000)))
    assert (found.pictures.shape, found.outlines.shape) == ((3, 40, 32), (3, 40, 160))


def test_they_are_heard_once(monkeypatch: pytest.MonkeyPatch) -> None:
    found = Gathered(words(2))
    first = found.at(8_000)

    def fail(*_: object) -> None:
        raise AssertionError("heard again")

    monkeypatch.setattr(gathered, "heard", fail)
    assert found.at(8_000) is first


def test_of_none_there_is_nothing() -> None:
    found = Gathered([])
    assert found.said("digit") == ()
    assert len(found.at(8_000).courses) == 0
