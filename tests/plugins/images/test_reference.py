from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from genwright.discrepancy import mean_of_pairs
from genwright_images import classifier, reference
from genwright_images.features import FLOOR, features
from genwright_images.reference import Reference

Pictures = Callable[..., list[Image.Image]]


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """The classifier is trained for a few steps only."""
    trained = classifier.Classifier.trained
    monkeypatch.setattr(classifier.Classifier, "trained", lambda pixels, classes: trained(pixels, classes, steps=3))


def test_features_are_scaled_by_its_own(pictures: Pictures) -> None:
    found = Reference(pictures(40))
    rows = found.scaled(features(pictures(40)))
    deviation = features(pictures(40)).std(0, ddof=1)
    np.testing.assert_allclose(rows.mean(0), 0, atol=1e-4)
    np.testing.assert_allclose(rows.std(0, ddof=1), np.minimum(deviation / FLOOR, 1), rtol=1e-3)
    np.testing.assert_allclose(np.diag(found.gaussian.covariance), rows.var(0, ddof=1), rtol=1e-3)
    assert found.within == pytest.approx(mean_of_pairs(found.compared))


def test_nothing_is_computed_before_it_is_asked_for(cache: Path, pictures: Pictures) -> None:
    Reference(pictures(10))
    assert not cache.exists()


def test_parts_come_back_from_disk_as_they_were(pictures: Pictures, monkeypatch: pytest.MonkeyPatch) -> None:
    first = Reference(pictures(40))
    before = (first.gaussian.scatter, first.compared, first.within, first.ceiling)

    def fail(*_: object) -> None:
        raise AssertionError("computed again")

    monkeypatch.setattr("genwright_images.gathered.features", fail)
    monkeypatch.setattr(reference, "mean_of_pairs", fail)
    monkeypatch.setattr(classifier.Classifier, "trained", fail)
    again = Reference(pictures(40))
    np.testing.assert_array_equal(again.gaussian.scatter, before[0])
    np.testing.assert_array_equal(again.compared, before[1])
    assert (again.within, again.ceiling) == before[2:]


def test_other_pixels_or_other_classes_have_another_digest(pictures: Pictures) -> None:
    renamed = pictures(3)
    renamed[0].info["class"] = "z"
    found = {Reference(items).digest for items in (pictures(3), pictures(3, seed=1), pictures(2), renamed)}
    assert len(found) == 4
    assert Reference(pictures(3)).digest in found


def test_a_tenth_is_held_out_from_the_classifier(pictures: Pictures, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[int] = []
    trained = classifier.Classifier.trained
    monkeypatch.setattr(
        classifier.Classifier, "trained", lambda pixels, classes: given.append(len(pixels)) or trained(pixels, classes)
    )
    found = Reference([*pictures(40), Image.linear_gradient("L")])
    assert found.ceiling is not None
    assert found.ceiling[1] == 4
    assert given == [36]


def test_without_two_classes_there_is_no_classifier(pictures: Pictures) -> None:
    found = Reference(pictures(8)[::2])
    assert found.classifier is None
    assert found.ceiling is None
