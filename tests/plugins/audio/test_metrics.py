from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy import ndarray

from genwright.metrics import Value
from genwright_audio import metrics
from genwright_audio.classifier import Classifier
from genwright_audio.clip import Clip
from genwright_audio.embedding import EMBEDDING, Embedding
from genwright_audio.gathered import Gathered
from genwright_audio.metrics import (
    copied,
    digit_agreement,
    digit_ceiling,
    digit_unseen_speakers,
    diversity,
    frechet,
    frechet_audio,
    frechet_floor,
    kernel,
    kernel_floor,
    speaker_agreement,
    speaker_ceiling,
)
from genwright_audio.reference import Reference
from tests.plugins.audio.networks import Loud, saved
from tests.plugins.audio.words import BOTH, gathered, words

DISTANCES = pytest.mark.parametrize("metric", [kernel, frechet], ids=["kernel", "frechet"])
Metric = Callable[..., Value]


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Reference:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Classifier, "steps", 80)
        patch.setattr("genwright_audio.reference._UNSEEN_STEPS", 40)
        found = Reference(words(400, seed=0), folder=tmp_path_factory.mktemp("references"))
        for label in ("digit", "speaker"):
            assert found.ceiling(label) is not None
        assert found.unseen is not None
    return found


def changed(clips: Sequence[Clip], change: Callable[[ndarray], ndarray]) -> list[Clip]:
    return [replace(clip, wave=change(clip.wave).clip(-1, 1).astype(np.float32)) for clip in clips]


def noisy(clips: Sequence[Clip], decibel: float) -> list[Clip]:
    draws = np.random.default_rng(3)
    return changed(clips, lambda x: x + draws.normal(size=len(x)) * x.std() * 10 ** (-decibel / 20))


@cache
def in_noise(decibel: float) -> Gathered:
    return Gathered(noisy(words(100, seed=1), decibel))


@DISTANCES
def test_distances_grow_with_what_is_wrong(metric: Metric, reference: Reference) -> None:
    values = [metric(some, reference) for some in (gathered(100, seed=1), in_noise(20), in_noise(5))]
    for former, later in pairwise(values):
        assert later.value > former.value + 2 * (later.error or 0)


@DISTANCES
def test_distances_grow_when_a_digit_is_missing(metric: Metric, reference: Reference) -> None:
    both = metric(gathered(100, seed=1), reference)
    one = metric(Gathered(words(100, seed=1, digits=BOTH[:1])), reference)
    assert one.error is not None
    assert one.value > both.value + 3 * one.error


@DISTANCES
def test_distances_grow_when_clips_take_longer(metric: Metric, reference: Reference) -> None:
    longer = changed(words(100, seed=1), lambda wave: np.pad(wave, (0, len(wave) // 2)))
    same, other = (metric(some, reference) for some in (gathered(100, seed=1), Gathered(longer)))
    assert other.value > same.value + 3 * (other.error or 0)


@pytest.mark.parametrize(("metric", "floor"), [(kernel, kernel_floor), (frechet, frechet_floor)])
def test_other_real_clips_are_at_the_floor(metric: Metric, floor: Metric, reference: Reference) -> None:
    clips = gathered(50, seed=1)
    found, least = metric(clips, reference), floor(clips, reference)
    assert found.count == least.count == 50
    assert abs(found.value - least.value) < 4 * math.hypot(found.error or 0, least.error or 0)


def test_the_floor_is_of_clips_like_the_others_though_the_first_takes_are_not(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    clips = words(400)
    uneven = Reference([*noisy(clips[:52], 5), *clips[52:]], folder=tmp_path_factory.mktemp("uneven"))
    floor, first = kernel_floor(Gathered(words(52)), uneven), kernel(Gathered(noisy(clips[:52], 5)), uneven)
    assert floor is not None
    assert first is not None
    assert abs(floor.value) < 3 * (floor.error or 0)
    assert first.value > 10 * abs(floor.value)


@pytest.mark.parametrize("floor", [kernel_floor, frechet_floor])
def test_a_floor_is_of_as_many_real_clips_as_there_are_samples(floor: Metric, reference: Reference) -> None:
    one, other = (floor(Gathered(noisy(words(20, seed=seed), 0)), reference) for seed in (1, 2))
    assert one == other
    assert one.count == 20
    assert floor(gathered(100, seed=1), reference).count == 52 == len(reference.held)


def test_the_frechet_distance_and_its_floor_fall_with_the_number_of_samples(reference: Reference) -> None:
    for metric in (frechet, frechet_floor):
        few, many = (metric(gathered(count, seed=1), reference) for count in (20, 50))
        assert few is not None
        assert many is not None
        assert few.value > many.value


@pytest.fixture
def loud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of a network that hears how loud clips are, which the user has named."""
    path = saved(Loud(), tmp_path / "loud.pt2")
    monkeypatch.setenv(EMBEDDING, str(path))
    return path


@pytest.fixture
def fresh(tmp_path: Path) -> Reference:
    return Reference(words(50, seed=0), folder=tmp_path / "references")


@pytest.mark.usefixtures("loud")
def test_the_frechet_audio_distance_grows_with_what_its_network_hears(fresh: Reference) -> None:
    clips = words(50, seed=1)
    same, softer = (frechet_audio(Gathered(some), fresh) for some in (clips, changed(clips, lambda wave: wave / 2)))
    assert same is not None
    assert softer is not None
    assert same.error is not None
    assert same.count == softer.count == 50
    assert softer.value > 10 * same.value + 10 * same.error


def test_the_frechet_audio_distance_is_of_all_windows_of_all_clips(loud: Path, fresh: Reference) -> None:
    clips = words(30, seed=1)
    ours, theirs = (Embedding.load(loud).features(some).astype(np.float64) for some in (clips, words(50, seed=0)))
    # Both features are the same but for a factor, so the distance is that of normal numbers: means, then deviations.
    both = [(rows[:, 0].mean(), rows[:, 0].std(ddof=1)) for rows in (ours, theirs)]
    expected = 5 * sum((one - other) ** 2 for one, other in zip(*both, strict=True))
    found = frechet_audio(Gathered(clips), fresh)
    assert found is not None
    assert found.value == pytest.approx(expected, rel=1e-5)


def test_the_frechet_audio_distance_says_by_what_and_asks_it_once_of_a_reference(
    loud: Path, fresh: Reference, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[int] = []
    features = Embedding.features

    def counted(own: Embedding, some: Sequence[Clip]) -> ndarray:
        heard.append(len(some))
        return features(own, some)

    monkeypatch.setattr(Embedding, "features", counted)
    first = frechet_audio(gathered(20, seed=1), fresh)
    assert first is not None
    assert first.by == Embedding.load(loud).name
    assert heard == [2] * 10 + [50]
    assert frechet_audio(gathered(20, seed=1), fresh) == first
    assert heard == [2] * 10 + [50] + [2] * 10
    saved(Loud(times=3.0), loud)
    other = frechet_audio(gathered(20, seed=1), fresh)
    assert other is not None
    assert other.by != first.by
    assert other.value == pytest.approx(2 * first.value, rel=1e-5)


@pytest.mark.usefixtures("loud")
@pytest.mark.parametrize(("samples", "known"), [(1, 4), (0, 4), (4, 1)])
def test_the_frechet_audio_distance_of_too_few_has_no_number(samples: int, known: int, tmp_path: Path) -> None:
    value = frechet_audio(Gathered(words(samples)), Reference(words(known), folder=tmp_path / "few"))
    assert value is not None
    assert math.isnan(value.value)
    assert value.by.startswith("loud.pt2, SHA-256 ")


def test_agreement_is_the_share_that_is_what_it_says(reference: Reference) -> None:
    clips = words(100, seed=1)
    partly = [clip.saying(digit="10"[int(clip.facts["digit"])]) if p < 25 else clip for p, clip in enumerate(clips)]
    honest, lying = (digit_agreement(some, reference) for some in (gathered(100, seed=1), Gathered(partly)))
    assert honest is not None
    assert lying is not None
    assert honest.value > 0.95
    assert lying.value == pytest.approx(honest.value - 0.25, abs=0.03)
    assert (honest.count, lying.count) == (100, 100)


def test_speakers_are_told_by_a_classifier_of_their_own(reference: Reference) -> None:
    value = speaker_agreement(gathered(100, seed=1), reference)
    assert value is not None
    assert value.value > 0.9


def test_what_says_no_digit_or_an_unknown_one_does_not_count(reference: Reference) -> None:
    clips = words(4, seed=1)
    clips[0] = replace(clips[0], facts={})
    clips[1] = clips[1].saying(digit="9")
    value = digit_agreement(Gathered(clips), reference)
    assert value is not None
    assert value.count == 2
    unknown = digit_agreement(Gathered(clips[1:2]), reference)
    assert unknown is not None
    assert math.isnan(unknown.value)
    assert digit_agreement(Gathered(clips[:1]), reference) is None


@pytest.mark.parametrize("ceiling", [digit_ceiling, speaker_ceiling])
def test_the_ceiling_is_of_real_clips(ceiling: Metric, reference: Reference) -> None:
    value = ceiling(Gathered([]), reference)
    assert value.count == 52
    assert value.value > 0.85


def test_digits_of_unseen_speakers_are_those_of_all_speakers_and_harder(reference: Reference) -> None:
    unseen, ceiling = (metric(Gathered([]), reference) for metric in (digit_unseen_speakers, digit_ceiling))
    assert unseen is not None
    assert ceiling is not None
    assert unseen.count == len(reference)
    assert 0 < unseen.value < ceiling.value


def of_speakers(*counts: tuple[int, int]) -> Value:
    reference = Reference([])
    vars(reference)["unseen"] = {str(place): count for place, count in enumerate(counts)}
    found = digit_unseen_speakers(Gathered([]), reference)
    assert found is not None
    return found


def test_the_error_of_unseen_speakers_is_over_speakers_not_over_their_clips() -> None:
    shares = np.array([0.47, 0.89, 0.56, 0.71, 0.87, 0.90])
    value = of_speakers(*((round(400 * share), 400) for share in shares))
    assert value.value == pytest.approx(shares.mean())
    assert value.error == pytest.approx(shares.std(ddof=1) / math.sqrt(6))
    assert value.count == 2400


def test_a_speaker_of_more_clips_weighs_more() -> None:
    assert of_speakers((90, 100), (100, 400)).value == pytest.approx(190 / 500)


def test_speakers_that_happen_to_be_alike_leave_the_error_of_single_clips() -> None:
    assert of_speakers((30, 40), (30, 40)).error == pytest.approx(math.sqrt(0.75 * 0.25 / 80), rel=0.05)


def test_what_the_reference_does_not_say_has_no_value(reference: Reference) -> None:
    clips = Gathered([clip.saying(kind="tone") for clip in words(4)])
    assert metrics.kind_agreement(clips, reference) is None
    assert metrics.kind_ceiling(clips, reference) is None


def test_real_clips_are_as_diverse_as_the_reference(reference: Reference) -> None:
    value = diversity(gathered(100, seed=1), reference)
    assert value is not None
    assert value.error is not None
    assert value.error < 0.05
    assert abs(value.value - 1) < 0.05
    assert value.count == 100


def test_diversity_falls_when_samples_of_a_digit_are_alike(reference: Reference) -> None:
    four = words(4, seed=1)
    same = diversity(Gathered([clip for clip in four[:2] for _ in range(20)]), reference)
    some = diversity(Gathered(words(40, seed=1)[:4] * 10), reference)
    assert same is not None
    assert some is not None
    assert same.value == pytest.approx(0, abs=1e-3)
    assert 0.2 < some.value < 0.9


def test_diversity_is_of_any_two_where_digits_are_not_said(reference: Reference) -> None:
    silent = Gathered([replace(clip, facts={}) for clip in words(100, seed=1)])
    value = diversity(silent, reference)
    assert value is not None
    assert value.value == pytest.approx(1, abs=0.1)
    assert value.count == 100


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Reference:
    return Reference(words(100, seed=0), folder=tmp_path_factory.mktemp("few"))


def test_other_real_clips_are_no_copies(few: Reference) -> None:
    value = copied(gathered(100, seed=1), few)
    assert value is not None
    assert value.value <= 0.05
    assert value.count == 100


def test_planted_copies_are_found(few: Reference) -> None:
    planted = noisy(changed(words(100, seed=0)[:10], lambda x: np.pad(x, (160, 0)) / 2), 40)
    value = copied(Gathered([*planted, *words(40, seed=1)]), few)
    assert value is not None
    assert value.value == pytest.approx(0.2, abs=0.04)


def test_without_a_reference_nothing_is_said() -> None:
    found = [getattr(metrics, name) for name in metrics.__all__ if name not in ("Agreement", "Ceiling")]
    assert len(found) == 14
    assert [metric(gathered(4), None) for metric in found] == [None] * 14


@pytest.mark.parametrize("metric", [kernel, frechet, kernel_floor, frechet_floor])
@pytest.mark.parametrize("count", [0, 1])
def test_too_few_samples_have_no_number(metric: Metric, count: int, reference: Reference) -> None:
    value = metric(gathered(count, seed=1), reference)
    assert math.isnan(value.value)
    assert (value.error, value.count) == (None, 0)


@pytest.mark.parametrize("metric", [copied, diversity])
def test_of_no_samples_there_is_no_share(metric: Metric, few: Reference) -> None:
    assert math.isnan(metric(Gathered([]), few).value)


@pytest.mark.parametrize("metric", [kernel, frechet, kernel_floor, frechet_floor, copied, diversity])
@pytest.mark.parametrize("clips", [0, 1])
def test_a_reference_of_too_few_clips_has_no_number(
    metric: Metric, clips: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    some = Reference(words(clips), folder=tmp_path_factory.mktemp("some"))
    assert math.isnan(metric(gathered(4, seed=1), some).value)


@DISTANCES
@pytest.mark.parametrize("count", [2, 7, 15, 25])
def test_few_samples_have_a_number(metric: Metric, count: int, reference: Reference) -> None:
    value = metric(gathered(count, seed=1), reference)
    assert math.isfinite(value.value)
    assert value.count == count


def test_samples_of_another_rate_are_brought_to_that_of_the_reference(reference: Reference) -> None:
    found = kernel(Gathered(words(50, seed=1, rate=16_000)), reference)
    wrong = kernel(Gathered(noisy(words(50, seed=1), 10)), reference)
    assert found is not None
    assert wrong is not None
    assert found.value < wrong.value / 2
