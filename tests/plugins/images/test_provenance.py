from __future__ import annotations

from PIL import Image

from genwright_images.png import from_bytes, to_bytes
from genwright_images.provenance import is_intact, signed


def test_a_file_names_the_sample_that_it_holds() -> None:
    image = Image.linear_gradient("L")
    image.info = {"class": "ramp"}
    again = from_bytes(to_bytes(signed(image, sample="5f1c/17")))
    assert again.info["sample"] == "5f1c/17"
    assert again.info["class"] == "ramp"
    assert is_intact(again)


def test_signing_leaves_the_image_as_it_was() -> None:
    image = Image.linear_gradient("L")
    signed(image, sample="5f1c/17")
    assert image.info == {}
    assert is_intact(image) is None


def test_a_changed_pixel_is_told() -> None:
    image = signed(Image.linear_gradient("L"), sample="5f1c/17")
    image.putpixel((0, 0), 99)
    assert is_intact(image) is False
