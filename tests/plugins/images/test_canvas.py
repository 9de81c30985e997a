from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from genwright.errors import DataError, OptionError
from genwright_images.canvas import Canvas

Pictures = Callable[..., list[Image.Image]]


def fitted(items: list[Image.Image], *, size: int | None = None, channels: int | None = None) -> Canvas:
    canvas = Canvas(encoder="pixels", size=size, channels=channels)
    canvas.fit(items)
    return canvas


def test_it_takes_the_size_that_most_images_have(pictures: Pictures) -> None:
    canvas = fitted([*pictures(2, size=(5, 5)), *pictures(3, size=(8, 6))])
    assert (canvas.width, canvas.height, canvas.channels, canvas.resizes) == (8, 6, 1, False)


def test_one_image_in_colour_makes_it_colour(pictures: Pictures) -> None:
    assert fitted([*pictures(3), *pictures(1, mode="RGB")]).channels == 3
    assert fitted(pictures(2, mode="RGB"), channels=1).channels == 1


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_pixels_and_images_undo_each_other(mode: str, pictures: Pictures) -> None:
    items = pictures(4, mode=mode)
    again = fitted(items).images(fitted(items).pixels(items))
    assert [image.tobytes() for image in again] == [image.tobytes() for image in items]
    assert [image.mode for image in again] == [mode] * 4


def test_another_size_is_refused(pictures: Pictures) -> None:
    with pytest.raises(
        DataError,
        match=r"encoder 'pixels' takes images of 8 x 6 pixels, as most of its training data are; got 5 x 5. Set size=",
    ):
        fitted(pictures(3)).pixels(pictures(1, size=(5, 5)))


@pytest.mark.parametrize("mode", ["I;16", "RGBA", "P", "F", "1"])
def test_an_image_of_another_mode_is_refused(mode: str, pictures: Pictures) -> None:
    """Its pixels were once clipped, or what is transparent dropped, without a word."""
    wanted = (
        rf"takes images of mode L or RGB, as reading a file gives them; got one of mode {mode}\. Bring it to 8 bits"
    )
    with pytest.raises(DataError, match=wanted):
        fitted(pictures(3)).pixels([Image.new(mode, (8, 6))])


def test_with_a_size_given_the_middle_is_cut_and_resized() -> None:
    wide = np.zeros((8, 24), dtype=np.uint8)
    wide[:, 8:16] = 200
    assert fitted([], size=4).pixels([Image.fromarray(wide)])[0, :, :, 0].min() > 150
    assert fitted([], size=4).resizes


def test_its_state_restores_it(pictures: Pictures) -> None:
    canvas = fitted(pictures(1, mode="RGB"))
    other = Canvas(encoder="pixels", size=None, channels=None)
    other.restore(canvas.state())
    assert (other.width, other.height, other.channels) == (8, 6, 3)


def test_no_images_have_no_pixels(pictures: Pictures) -> None:
    assert fitted(pictures(1)).pixels([]).shape == (0, 6, 8, 1)


@pytest.mark.parametrize("size", [0, -3, 5_000])
def test_sizes_out_of_range_are_refused(size: int) -> None:
    with pytest.raises(OptionError, match=rf"encoder 'pixels' needs a size of 1 to 4096 pixels; got {size}. Try size="):
        Canvas(encoder="pixels", size=size, channels=None)


def test_other_numbers_of_channels_are_refused() -> None:
    with pytest.raises(OptionError, match=r"encoder 'pixels' has 1 channel or 3; got 4. Take 1 for grey"):
        Canvas(encoder="pixels", size=None, channels=4)


def test_colours_are_refused_where_all_that_was_learned_is_grey() -> None:
    """They once became grey without a word, and a likelihood was of something else than what was given."""
    canvas = Canvas(encoder="pixels", size=None, channels=None)
    canvas.fit([Image.new("L", (4, 4))])
    with pytest.raises(DataError, match=r"takes grey images, as all of its training data are; got one in colour\."):
        canvas.pixels([Image.new("RGB", (4, 4))])
    asked = Canvas(encoder="pixels", size=4, channels=1)
    assert asked.pixels([Image.new("RGB", (4, 4), (255, 255, 255))]).shape == (1, 4, 4, 1)
