from __future__ import annotations

import os
import time

import numpy as np
import pytest
from numpy import ndarray

from genwright_images.classifier import Classifier

MIRROR = os.environ.get("GENWRIGHT_DATA_MIRROR")


def bars(count: int, *, seed: int) -> tuple[ndarray, list[str]]:
    """Return images with a bright bar that lies or stands, in noise, and what it does."""
    random = np.random.default_rng(seed)
    pixels = random.integers(0, 160, (count, 32, 32, 3), dtype=np.uint8)
    names = []
    for image in pixels:
        at = int(random.integers(2, 30))
        stands = bool(random.integers(2))
        image[(slice(None), at) if stands else at] = 255
        names.append("stands" if stands else "lies")
    return pixels, names


def test_it_learns_to_tell_classes_apart() -> None:
    classifier = Classifier.trained(*bars(400, seed=0), steps=60)
    pixels, names = bars(200, seed=1)
    assert classifier.classes == ("lies", "stands")
    assert np.mean([a == b for a, b in zip(classifier.predicted(pixels), names, strict=True)]) > 0.95


@pytest.mark.slow
@pytest.mark.skipif(MIRROR is None, reason="GENWRIGHT_DATA_MIRROR names no folder with the data sets")
def test_it_tells_88_of_100_articles_of_clothing_apart_after_a_minute() -> None:
    from genwright.datasets import find
    from genwright_images import plugin
    from genwright_images.thumbnails import thumbnails

    sets = {spec.name: find(spec) for spec in plugin.register_datasets()}
    paths = [sets["fashion-mnist"], sets["fashion-mnist-test"]]
    if None in paths:
        pytest.skip("the mirror folder does not hold Fashion-MNIST")
    read = plugin.register_datasets()[0].load()
    train, test = (list(read(path, True)) for path in paths)
    pixels = thumbnails(train)
    start = time.process_time()
    classifier = Classifier.trained(pixels, [image.info["class"] for image in train])
    assert time.process_time() - start < 60
    predicted = classifier.predicted(thumbnails(test))
    assert np.mean([name == image.info["class"] for name, image in zip(predicted, test, strict=True)]) >= 0.88
