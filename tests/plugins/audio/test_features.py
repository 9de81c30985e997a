from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy import ndarray

from genwright_audio.clip import Clip
from genwright_audio.features import AXES, COUNT, Axes, course
from genwright_audio.hearing import heard
from tests.plugins.audio.words import words


def courses(clips: list[Clip]) -> ndarray:
    return np.stack([course(clip, heard(clip, 8_000)) for clip in clips])


def test_a_course_is_640_means_and_the_log_of_seconds() -> None:
    (clip,) = words(1)
    found = courses([clip])[0]
    assert found.shape == (COUNT,)
    assert found[-1] == pytest.approx(np.log(clip.seconds))
    assert found[:-1].max() <= heard(clip, 8_000).max()


def test_features_have_no_mean_and_no_correlation_and_a_deviation_of_one() -> None:
    rows = courses(words(80))
    axes = Axes.fit(rows)
    found = axes.along(rows)
    assert found.shape == (80, AXES + 1)
    np.testing.assert_allclose(found.mean(0), 0, atol=1e-3)
    np.testing.assert_allclose(np.cov(found[:, :-1].T), np.eye(AXES), atol=1e-2)
    assert found[:, -1].std() == pytest.approx(1, abs=1e-3)


def test_the_axes_are_the_widest_of_all() -> None:
    rows = courses(words(80))
    found = Axes.fit(rows).along(rows)[:, :-1]
    inner = rows[:, :-1] - rows[:, :-1].mean(0)
    explained = np.linalg.lstsq(found, inner, rcond=None)[0]
    left = ((inner - found @ explained) ** 2).sum()
    variances = np.linalg.svd(inner, compute_uv=False) ** 2
    assert left == pytest.approx(variances[AXES:].sum(), rel=1e-2)


def test_fewer_clips_have_fewer_axes() -> None:
    rows = courses(words(5))
    assert Axes.fit(rows).along(rows).shape == (5, 5)


def test_clips_that_are_all_alike_have_features_without_deviation() -> None:
    rows = courses(words(1) * 4)
    found = Axes.fit(rows).along(rows)
    assert found.shape == (4, 1)
    np.testing.assert_allclose(found, 0, atol=1e-3)


def test_a_clip_of_another_length_has_another_last_feature_only() -> None:
    axes = Axes.fit(courses(words(40)))
    (clip,) = words(1)
    bands = heard(clip, 8_000)
    longer = replace(clip, wave=np.pad(clip.wave, (0, len(clip.wave))))
    one, other = axes.along(np.stack([course(clip, bands), course(longer, bands)]))
    np.testing.assert_array_equal(one[:-1], other[:-1])
    assert other[-1] > one[-1] + 1


def test_they_come_back_from_their_arrays() -> None:
    rows = courses(words(10))
    axes = Axes.fit(rows)
    np.testing.assert_array_equal(Axes.of_arrays(axes.to_arrays()).along(rows), axes.along(rows))
