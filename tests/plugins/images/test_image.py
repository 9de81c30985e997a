from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from genwright.errors import DataError
from genwright_images.image import LARGEST, digest, facts, file_of, flaw, from_file, pixels, plain


def grey(values: list[list[int]]) -> Image.Image:
    return Image.fromarray(np.array(values, dtype=np.uint8))


def test_an_image_in_grey_or_rgb_has_no_flaw() -> None:
    assert flaw(grey([[0, 255], [255, 0]])) is None
    assert flaw(grey([[0, 255], [255, 0]]).convert("RGB")) is None


@pytest.mark.parametrize("mode", ["1", "P", "RGBA", "CMYK", "I;16", "F"])
def test_another_mode_is_a_flaw(mode: str) -> None:
    assert flaw(Image.new(mode, (4, 4))) == f"It has the mode {mode}; wanted is L or RGB."


def test_no_pixels_are_a_flaw() -> None:
    assert flaw(Image.new("L", (0, 4))) == "It is empty: 0 x 4 pixels."


def test_too_many_pixels_are_a_flaw() -> None:
    # One row of it is memory enough: what it says of its size is all that is looked at.
    image = Image.new("L", (1, 1))
    image._size = (1 << 20, 1 << 10)
    assert flaw(image) == f"It has 1,073,741,824 pixels, over the limit of {LARGEST:,}."


def test_all_one_colour_is_a_flaw_and_faint_is_none() -> None:
    assert flaw(Image.new("RGB", (4, 4), (10, 200, 30))) == (
        "It is all one colour: its pixels deviate by 0.0 levels of 255."
    )
    assert flaw(grey([[100, 101], [101, 100]])) == "It is all one colour: its pixels deviate by 0.5 levels of 255."
    assert flaw(grey([[100, 110], [110, 100]])) is None


def test_a_colour_that_varies_in_one_channel_is_none() -> None:
    red = np.zeros((4, 4, 3), dtype=np.uint8)
    red[:2, :, 0] = 255
    assert flaw(Image.fromarray(red)) is None


def test_digests_tell_modes_sizes_and_pixels_apart() -> None:
    images = [
        grey([[1, 2], [3, 4]]),
        grey([[1, 2, 3, 4]]),
        grey([[1, 2], [3, 5]]),
        grey([[1, 2], [3, 4]]).convert("RGB"),
    ]
    assert len({digest(image) for image in images}) == 4
    assert digest(images[0]) == digest(images[0].copy())


def test_facts_are_texts_of_known_names_in_one_order() -> None:
    info = {"caption": "a hat", "dpi": (72, 72), "class": "hat", "sample": 3}
    assert list(facts(info).items()) == [("class", "hat"), ("caption", "a hat")]


def test_an_image_knows_its_file_and_what_is_made_of_it_does_not() -> None:
    image = Image.new("L", (2, 2))
    assert file_of(image) is None
    assert from_file(image, "hats/a.png") is image
    assert file_of(image) == "hats/a.png"
    assert file_of(from_file(plain(image), "\udcff.png")) == r"\udcff.png"
    assert file_of(plain(image)) is None


def test_grey_stays_grey_and_colours_become_rgb() -> None:
    assert [plain(Image.new(mode, (2, 2))).mode for mode in ("1", "L", "LA")] == ["L"] * 3
    assert [plain(Image.new(mode, (2, 2))).mode for mode in ("RGB", "RGBA", "CMYK")] == ["RGB"] * 3


def test_what_is_transparent_is_laid_on_white() -> None:
    image = Image.new("RGBA", (2, 1), (255, 0, 0, 0))
    image.putpixel((1, 0), (255, 0, 0, 255))
    image.info["class"] = "dot"
    assert np.asarray(plain(image)).tolist() == [[[255, 255, 255], [255, 0, 0]]]
    assert plain(image).info == {"class": "dot"}


def test_more_than_eight_bits_are_refused() -> None:
    with pytest.raises(ValueError, match=r"mode I;16 has more than 8 bits a channel; convert it to 8 bits"):
        plain(Image.new("I;16", (2, 2)))


def test_a_palette_of_greys_is_grey_and_one_of_colours_is_not() -> None:
    """One grey file with a palette, as what makes files small writes, once made a whole model one of colours."""
    values = [[0, 100], [255, 7]]
    assert (plain(grey(values).convert("P")).mode, plain(grey(values).convert("P")).tobytes()) == (
        "L",
        grey(values).tobytes(),
    )
    red = Image.new("RGB", (2, 2), (255, 0, 0)).quantize(4)
    assert plain(red).mode == "RGB"


def test_pixels_of_images_that_differ_are_refused() -> None:
    assert pixels([grey([[1, 2]]), grey([[3, 4]])]).tolist() == [[[1, 2]], [[3, 4]]]
    with pytest.raises(DataError, match=r"of one mode and size; among them are L of 1 x 2, RGB of 1 x 2\. Cut them"):
        pixels([Image.new("L", (1, 2)), Image.new("RGB", (1, 2))])
