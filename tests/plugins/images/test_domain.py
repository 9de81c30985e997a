from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from genwright.domain import Difference
from genwright.errors import ConditionError
from genwright.testing.domains import check_domain
from genwright_images.domain import Images
from genwright_images.gathered import Gathered
from genwright_images.provenance import is_intact
from genwright_images.reference import Reference

Pictures = Callable[..., list[Image.Image]]

DOMAIN = Images()


@pytest.mark.parametrize("ending", ["", ".zip"])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_it_keeps_the_contract_of_domains(ending: str, mode: str, pictures: Pictures) -> None:
    assert [c for c in check_domain(DOMAIN, pictures(5, mode=mode), ending=ending) if c.trouble] == []


def test_exported_images_name_their_samples(pictures: Pictures, tmp_path: Path) -> None:
    samples = [(image, {"id": f"5f1c/{place}"}) for place, image in enumerate(pictures(2))]
    assert DOMAIN.export(samples, tmp_path / "a") is True
    again = list(DOMAIN.read(tmp_path / "a"))
    assert [image.info["sample"] for image in again] == ["5f1c/0", "5f1c/1"]
    assert [is_intact(image) for image in again] == [True, True]


def test_equal_pixels_share_spelling_and_identity_whatever_is_said_of_them(pictures: Pictures) -> None:
    one, other = pictures(2)
    again = one.copy()
    again.info = {"class": "z"}
    assert DOMAIN.canonical(one) == DOMAIN.canonical(again)
    assert DOMAIN.identity(one) == DOMAIN.identity(again)
    assert DOMAIN.identity(one) != DOMAIN.identity(other)
    assert str(DOMAIN.canonical(one)).startswith(f"L 8x6 {DOMAIN.identity(one)}")


def test_an_image_describes_itself(pictures: Pictures) -> None:
    silent = Image.new("L", (2, 2))
    assert DOMAIN.describe([*pictures(2), silent], "class") == ["a", "b", None]
    assert DOMAIN.describe([*pictures(2), silent], "caption") == ["number 0", "number 1", None]


def test_a_generated_image_says_what_was_asked_for(pictures: Pictures) -> None:
    """Samples once said nothing, so no class agreement could be measured of them."""
    image = DOMAIN.labelled(pictures(1)[0], {"class": "sneaker"})
    assert (image.info["class"], image.info["caption"]) == ("sneaker", "number 0")
    assert DOMAIN.from_bytes(DOMAIN.to_bytes(image)).info["class"] == "sneaker"


def test_classes_are_those_of_the_data() -> None:
    assert DOMAIN.conditions["class"].check("class", "sneaker") == "sneaker"


def test_no_number_is_measured(pictures: Pictures) -> None:
    assert DOMAIN.measure(pictures(3), []).shape == (3, 0)
    with pytest.raises(ConditionError, match=r"images have no number to measure; got size. Ask for class or caption"):
        DOMAIN.measure(pictures(3), ["size"])


def test_metrics_get_samples_and_a_reference(pictures: Pictures) -> None:
    assert isinstance(DOMAIN.gather(pictures(2)), Gathered)
    assert isinstance(DOMAIN.reference(pictures(2)), Reference)


def test_a_drawing_of_one_image_keeps_what_it_says(tmp_path: Path, pictures: Pictures) -> None:
    DOMAIN.render(pictures(1), tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as drawn:
        assert drawn.info["caption"] == "number 0"


@pytest.mark.parametrize(("levels", "close"), [(1, True), (2, False), (85, False)])
def test_the_most_different_channel_of_a_pixel_is_told_and_a_rounding_is_close(levels: int, close: bool) -> None:
    theirs = Image.new("RGB", (7, 5), (100, 100, 100))
    ours = theirs.copy()
    ours.putpixel((1, 1), (101, 100, 100))
    ours.putpixel((3, 4), (100, 100 - levels, 100))
    found = DOMAIN.difference(ours, theirs)
    where = "at pixel (1, 1), R" if levels == 1 else "at pixel (3, 4), G"
    assert found == Difference(size=levels, unit="levels of 255", where=where, close=close)
    assert DOMAIN.difference(theirs, ours) == found


def test_images_of_the_same_pixels_differ_in_what_they_say() -> None:
    theirs, ours = Image.new("L", (2, 2)), Image.new("L", (2, 2))
    assert str(DOMAIN.difference(ours, theirs)) == "largest difference 0 levels of 255"
    ours.info = {"class": "z"}
    found = DOMAIN.difference(ours, theirs)
    assert found == Difference(size=0, unit="levels of 255", where="in what they say of their class", close=True)


@pytest.mark.parametrize("other", [Image.new("L", (2, 3)), Image.new("RGB", (2, 2))])
def test_images_of_other_sizes_or_modes_have_no_difference(other: Image.Image) -> None:
    assert DOMAIN.difference(Image.new("L", (2, 2)), other) is None
