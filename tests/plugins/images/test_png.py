from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from genwright_images.image import digest
from genwright_images.png import from_bytes, to_bytes

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_pixels_and_facts_come_back(mode: str) -> None:
    image = Image.effect_noise((7, 5), 80).convert(mode)
    image.info = {"class": "noise", "caption": "grey snow", "gamma": 2.2}
    again = from_bytes(to_bytes(image))
    assert digest(again) == digest(image)
    assert again.info == {"class": "noise", "caption": "grey snow"}


def test_equal_images_give_equal_bytes() -> None:
    one = Image.linear_gradient("L")
    other = one.copy()
    one.info = {"class": "c", "caption": "t", "dpi": (72, 72), "icc_profile": b"x", "transparency": 3}
    other.info = {"caption": "t", "class": "c"}
    assert to_bytes(one) == to_bytes(other)


@settings(max_examples=40, deadline=None)
@given(TEXT, TEXT)
def test_any_text_comes_back(name: str, caption: str) -> None:
    image = Image.new("L", (1, 1))
    image.info = {"class": name, "caption": caption}
    assert from_bytes(to_bytes(image)).info == {"class": name, "caption": caption}
