from __future__ import annotations

import numpy as np
from PIL import Image

from genwright_images.thumbnails import thumbnails


def test_images_of_that_size_are_taken_as_they_are() -> None:
    image = Image.effect_noise((32, 32), 90)
    np.testing.assert_array_equal(thumbnails([image])[0, :, :, 1], np.asarray(image))


def test_larger_ones_are_averaged() -> None:
    stripes = np.zeros((64, 128), dtype=np.uint8)
    stripes[:, ::2] = 200
    middle = thumbnails([Image.fromarray(stripes)])[0, 8:24, 8:24]
    assert np.abs(middle.astype(int) - 100).max() <= 4


def test_of_none_there_are_none() -> None:
    assert thumbnails([]).shape == (0, 32, 32, 3)
