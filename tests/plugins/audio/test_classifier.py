from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from genwright.generation import threads
from genwright_audio.classifier import Classifier, picture
from genwright_audio.hearing import heard
from tests.plugins.audio.words import words


def test_it_learns_to_tell_what_clips_say() -> None:
    train, test = words(48, seed=0), words(32, seed=1)
    pictures = [np.stack([picture(heard(clip, 8_000)) for clip in clips]) for clips in (train, test)]
    for label in ("digit", "speaker"):
        found = Classifier.trained(pictures[0], [clip.facts[label] for clip in train], steps=25)
        predicted = found.predicted(pictures[1])
        assert np.mean([name == clip.facts[label] for name, clip in zip(predicted, test, strict=True)]) > 0.9


def test_it_has_the_same_bits_however_many_threads_there_are() -> None:
    clips = words(64)
    pictures, names = np.stack([picture(heard(clip, 8_000)) for clip in clips]), [clip.facts["digit"] for clip in clips]
    found = []
    for count in (1, 2):
        with threads(count):
            found.append(Classifier.trained(pictures, names, steps=10).to_arrays())
    assert [array.tobytes() for array in found[0].values()] == [array.tobytes() for array in found[1].values()]


def test_a_picture_is_the_same_however_loud_a_clip_is() -> None:
    (clip,) = words(1)
    loud, quiet = (picture(heard(replace(clip, wave=clip.wave * np.float32(gain)), 8_000)) for gain in (1, 0.25))
    np.testing.assert_allclose(quiet, loud, atol=1e-3)
    assert loud.shape == (40, 32)
    assert loud.min() == pytest.approx(-2.5, abs=1e-3)
    assert 0.5 < loud.max() <= 1.75
