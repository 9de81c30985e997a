from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image, ImageFilter

from genwright.metrics import Value
from genwright_images import classifier
from genwright_images.gathered import Gathered
from genwright_images.metrics import class_agreement, class_ceiling, frechet, kernel
from genwright_images.reference import Reference

BOTH = ("disc", "square")


def shapes(count: int, *, seed: int, kinds: tuple[str, ...] = BOTH) -> list[Image.Image]:
    """Return grey discs and squares of random size, place and shade, which say what they are."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:32, :32]
    found = []
    for place in range(count):
        kind = kinds[place % len(kinds)]
        radius, shade = random.uniform(5, 9), random.uniform(120, 255)
        dy, dx = np.abs(y - random.uniform(12, 20)), np.abs(x - random.uniform(12, 20))
        distance = np.hypot(dy, dx) if kind == "disc" else np.maximum(dy, dx)
        image = Image.fromarray((shade * (distance < radius)).astype(np.uint8))
        image.info = {"class": kind}
        found.append(image)
    return found


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Reference:
    with pytest.MonkeyPatch.context() as patch:
        trained = classifier.Classifier.trained
        patch.setattr(classifier.Classifier, "trained", lambda pixels, classes: trained(pixels, classes, steps=60))
        found = Reference(shapes(600, seed=0), folder=tmp_path_factory.mktemp("references"))
        assert found.ceiling is not None
    return found


def blurred(images: list[Image.Image], radius: float) -> list[Image.Image]:
    return [image.filter(ImageFilter.GaussianBlur(radius)) for image in images]


@pytest.mark.parametrize("metric", [kernel, frechet], ids=["kernel", "frechet"])
def test_distances_grow_with_what_is_wrong(metric: Callable[..., Value], reference: Reference) -> None:
    images = shapes(300, seed=1)
    values = [metric(Gathered(some), reference) for some in (images, blurred(images, 1.5), blurred(images, 3))]
    for former, later in pairwise(values):
        assert later.value > former.value + 2 * later.error


@pytest.mark.parametrize("metric", [kernel, frechet], ids=["kernel", "frechet"])
def test_distances_grow_when_a_kind_is_missing(metric: Callable[..., Value], reference: Reference) -> None:
    both, one = (metric(Gathered(shapes(400, seed=1, kinds=kinds)), reference) for kinds in (BOTH, BOTH[:1]))
    assert one.error is not None
    assert one.value > both.value + 3 * one.error


def test_the_kernel_distance_of_real_images_is_about_zero(reference: Reference) -> None:
    value = kernel(Gathered(shapes(300, seed=1)), reference)
    assert value is not None
    assert value.error is not None
    assert abs(value.value) < 4 * value.error
    assert value.count == 300


def test_the_reference_is_no_frechet_distance_from_itself(reference: Reference) -> None:
    value = frechet(Gathered(shapes(600, seed=0)), reference)
    assert value is not None
    assert value.value == pytest.approx(0, abs=1e-3)


def test_agreement_is_the_share_that_is_what_it_says(reference: Reference) -> None:
    honest = class_agreement(Gathered(shapes(200, seed=1)), reference)
    images = shapes(200, seed=1)
    for image in images[:50]:
        image.info["class"] = "disc" if image.info["class"] == "square" else "square"
    partly = class_agreement(Gathered(images), reference)
    assert honest is not None
    assert partly is not None
    assert honest.value > 0.95
    assert partly.value == pytest.approx(honest.value - 0.25, abs=0.03)
    assert (honest.count, partly.count) == (200, 200)


def test_what_says_no_class_or_an_unknown_one_does_not_count(reference: Reference) -> None:
    images = shapes(4, seed=1)
    images[0].info = {}
    images[1].info = {"class": "star"}
    value = class_agreement(Gathered(images), reference)
    assert value is not None
    assert value.count == 2
    images[2].info = images[3].info = {}
    unknown = class_agreement(Gathered(images), reference)
    assert unknown is not None
    assert math.isnan(unknown.value)
    images[1].info = {}
    assert class_agreement(Gathered(images), reference) is None


def test_the_ceiling_is_of_real_images(reference: Reference) -> None:
    value = class_ceiling(Gathered([]), reference)
    assert value is not None
    assert value.count == 60
    assert value.value > 0.9


def test_without_a_reference_nothing_is_said() -> None:
    metrics = (kernel, frechet, class_agreement, class_ceiling)
    assert [metric(Gathered([]), None) for metric in metrics] == [None] * 4


@pytest.mark.parametrize("metric", [kernel, frechet], ids=["kernel", "frechet"])
@pytest.mark.parametrize("count", [0, 1])
def test_too_few_samples_have_no_number(metric: Callable[..., Value], count: int, reference: Reference) -> None:
    value = metric(Gathered(shapes(count, seed=1)), reference)
    assert math.isnan(value.value)
    assert (value.error, value.count) == (None, 0)


@pytest.mark.parametrize("metric", [kernel, frechet], ids=["kernel", "frechet"])
@pytest.mark.parametrize("count", [2, 7, 15, 25])
def test_few_samples_have_a_number(metric: Callable[..., Value], count: int, reference: Reference) -> None:
    value = metric(Gathered(shapes(count, seed=1)), reference)
    assert math.isfinite(value.value)
    assert value.count == count
