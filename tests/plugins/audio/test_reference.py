from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from genwright.discrepancy import mean_of_pairs
from genwright_audio import classifier, gathered, reference
from genwright_audio.clip import Clip
from genwright_audio.reference import Reference
from tests.plugins.audio.words import words


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Classifiers are trained for a few steps only."""
    monkeypatch.setattr(classifier.Classifier, "steps", 3)
    monkeypatch.setattr(reference, "_UNSEEN_STEPS", 3)


def everything(found: Reference) -> tuple[object, ...]:
    labels = ("digit", "speaker")
    ceilings = [found.ceiling(label) for label in labels]
    numbers = (found.within, found.closest, found.unseen, *ceilings)
    return *numbers, *(rows.tobytes() for rows in (found.compared, found.held, found.gaussian.scatter))


def test_an_eighth_of_each_digit_and_speaker_is_held_out(tmp_path: Path) -> None:
    found = Reference(words(64), folder=tmp_path)
    assert (len(found), len(found.compared), len(found.held)) == (56, 56, 8)
    assert found.ceiling("digit") == (found.ceiling("digit")[0], 8)  # type: ignore[index]
    assert sorted(name or "" for name in found.said("digit")) == ["0"] * 28 + ["1"] * 28


def test_clips_that_say_nothing_are_held_out_too(tmp_path: Path) -> None:
    found = Reference([replace(clip, facts={}) for clip in words(16)], folder=tmp_path)
    assert (len(found), len(found.held)) == (14, 2)


def backwards(clips: list[Clip], places: Sequence[int]) -> list[Clip]:
    return [replace(clip, wave=clip.wave[::-1].copy()) if p in places else clip for p, clip in enumerate(clips)]


def test_what_is_held_out_is_drawn_and_always_the_same(tmp_path: Path) -> None:
    held = [Reference(words(64, seed=seed), folder=tmp_path)._held for seed in (0, 0, 1)]
    assert held[0] == held[1] == held[2]
    # Digits and voices take turns, so these are the first two of each.
    assert set(held[0]) != set(range(8))
    assert max(held[0]) > 32


def test_what_is_held_out_does_not_decide_the_features(tmp_path: Path) -> None:
    clips = words(64)
    one = Reference(clips, folder=tmp_path)
    other = Reference(backwards(clips, one._held), folder=tmp_path)
    np.testing.assert_array_equal(one.compared, other.compared)
    assert (one.held != other.held).any()


def test_features_are_scaled_by_its_own(tmp_path: Path) -> None:
    found = Reference(words(64), folder=tmp_path)
    np.testing.assert_allclose(found.compared.mean(0), 0, atol=1e-3)
    np.testing.assert_allclose(np.diag(found.gaussian.covariance), 1, rtol=0.05)
    assert found.within == pytest.approx(mean_of_pairs(found.compared))


def test_nothing_is_computed_before_it_is_asked_for(tmp_path: Path) -> None:
    Reference(words(8), folder=tmp_path / "references")
    assert not (tmp_path / "references").exists()


def test_parts_come_back_from_disk_as_they_were(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = everything(Reference(words(24), folder=tmp_path))

    def fail(*_: object, **__: object) -> None:
        raise AssertionError("computed again")

    for owner, name in ((reference, "mean_of_pairs"), (reference, "nearest"), (reference.Axes, "fit")):
        monkeypatch.setattr(owner, name, fail)
    monkeypatch.setattr(classifier.Classifier, "trained", fail)
    assert everything(Reference(words(24), folder=tmp_path)) == before


def test_computing_again_gives_the_same(tmp_path: Path) -> None:
    first, second = (everything(Reference(words(24), folder=tmp_path / name)) for name in "ab")
    assert first == second


def test_from_the_cache_nothing_is_heard_again_to_compare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = Reference(words(16), folder=tmp_path).held

    def fail(*_: object) -> None:
        raise AssertionError("heard again")

    monkeypatch.setattr(gathered, "heard", fail)
    np.testing.assert_array_equal(Reference(words(16), folder=tmp_path).held, before)


def test_other_samples_or_other_facts_have_another_digest(tmp_path: Path) -> None:
    clips = words(3)
    sets = (
        clips,
        words(3, seed=1),
        clips[:2],
        [clips[0].saying(digit="7"), *clips[1:]],
        [clips[0].saying(speaker="ann"), *clips[1:]],
        [replace(clips[0], rate=16_000), *clips[1:]],
    )
    assert len({Reference(some, folder=tmp_path).digest for some in sets}) == len(sets)
    assert Reference(words(3), folder=tmp_path).digest == Reference(clips, folder=tmp_path).digest


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> list[set[bytes]]:
    """The pictures that each classifier was trained on, in turn."""
    found: list[set[bytes]] = []
    trained = classifier.Classifier.trained

    def noted(pictures: np.ndarray, names: list[str], *, steps: int | None = None) -> classifier.Classifier:
        found.append({picture.tobytes() for picture in pictures})
        return trained(pictures, names, steps=steps)

    monkeypatch.setattr(classifier.Classifier, "trained", noted)
    return found


def pictures(found: Reference, places: Sequence[int]) -> set[bytes]:
    return {picture.tobytes() for picture in found._heard.pictures[places]}


@pytest.mark.parametrize("label", ["digit", "speaker"])
def test_no_classifier_is_trained_on_what_is_held_out(label: str, tmp_path: Path, given: list[set[bytes]]) -> None:
    found = Reference(words(64), folder=tmp_path)
    assert found.classifier(label) is not None
    assert given == [pictures(found, found._rest)]
    assert len(given[0]) == 56
    assert not given[0] & pictures(found, found._held)


def test_the_ceiling_is_of_what_is_held_out(tmp_path: Path) -> None:
    found = Reference(words(200), folder=tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(classifier.Classifier, "steps", 80)
        right, count = found.ceiling("digit") or (0, 0)
    assert count == len(found.held)
    assert right > 0.9 * count
    said = found._said["digit"]
    found._said["digit"] = tuple("10"[int(name or "")] if p in found._held else name for p, name in enumerate(said))
    assert found.ceiling("digit") == (count - right, count)


def test_each_speaker_is_left_out_once(tmp_path: Path, given: list[set[bytes]]) -> None:
    # A third of the clips are by a third speaker, so that numbers differ.
    found = Reference([c.saying(speaker="ann") if p % 3 == 0 else c for p, c in enumerate(words(72))], folder=tmp_path)
    assert found.unseen is not None
    counts = {speaker: count for speaker, (_, count) in found.unseen.items()}
    assert list(counts) == ["ann", "high", "low"]
    for speaker, of_others in zip(counts, given[1:], strict=True):
        others = [place for place in found._rest if found._said["speaker"][place] != speaker]
        assert of_others == pictures(found, others)
        assert counts[speaker] == len(found) - len(others)
    assert all(0 <= right <= count for right, count in found.unseen.values())


def test_one_speaker_is_not_left_out(tmp_path: Path) -> None:
    assert Reference([clip.saying(speaker="ann") for clip in words(16)], folder=tmp_path).unseen is None


def test_without_two_classes_there_is_no_classifier(tmp_path: Path) -> None:
    found = Reference(words(16, digits=("0",)), folder=tmp_path)
    assert found.classifier("digit") is None
    assert found.ceiling("digit") is None
    assert found.unseen is None
    assert found.classifier("speaker") is not None


def test_one_in_a_hundred_is_closer_to_another_than_the_bound(tmp_path: Path) -> None:
    found = Reference(words(32), folder=tmp_path)
    alike, places = reference.nearest(found.outlines, found.outlines, own=range(32))
    assert (places != np.arange(32)).all()
    assert np.sort(alike)[-2] <= found.closest <= alike.max()
    assert alike.max() < 0.99


def test_of_many_clips_some_decide_the_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[int] = []
    nearest = reference.nearest

    def counted(samples: np.ndarray, others: np.ndarray, *, own: list[int]) -> tuple[np.ndarray, np.ndarray]:
        given.extend((len(samples), len(others)))
        return nearest(samples, others, own=own)

    monkeypatch.setattr(reference, "nearest", counted)
    monkeypatch.setattr(reference, "_JUDGED", 10)
    assert Reference(words(24), folder=tmp_path).closest > 0
    assert given == [10, 24]


def test_of_no_clips_nothing_is_close(tmp_path: Path) -> None:
    silent = Clip(wave=np.zeros(800, dtype=np.float32), rate=8_000)
    for clips in ([], [silent], words(1)):
        found = Reference(clips, folder=tmp_path)
        assert math.isnan(found.closest)
        assert len(found.held) == 0
