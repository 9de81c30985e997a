from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from genwright.errors import DataError
from genwright_images.image import digest
from genwright_images.provenance import is_intact, signed
from genwright_images.readers import read
from genwright_images.writers import write

Pictures = Callable[..., list[Image.Image]]


@pytest.mark.parametrize("name", ["folder", "a.zip"])
def test_images_come_back_in_their_order_with_what_they_say(name: str, tmp_path: Path, pictures: Pictures) -> None:
    items = [signed(image, sample=f"5f1c/{place}") for place, image in enumerate(pictures(12, mode="RGB"))]
    write(items, tmp_path / name)
    again = list(read(tmp_path / name, strict=True))
    assert [digest(image) for image in again] == [digest(image) for image in items]
    assert [image.info for image in again] == [image.info for image in items]
    assert all(is_intact(image) for image in again)


def test_one_image_is_written_to_a_png(tmp_path: Path, pictures: Pictures) -> None:
    write(iter(pictures(1)), tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        assert image.info["class"] == "a"


@pytest.mark.parametrize(("count", "word"), [(0, "none"), (2, "several")])
def test_a_png_holds_one_image(count: int, word: str, tmp_path: Path, pictures: Pictures) -> None:
    with pytest.raises(DataError, match=rf"a .png file holds one image; got {word} for 'a.png'. Name a folder or a"):
        write(pictures(count), tmp_path / "a.png")
    assert list(tmp_path.iterdir()) == []


def test_equal_images_make_equal_archives(tmp_path: Path, pictures: Pictures) -> None:
    write(pictures(3), tmp_path / "a.zip")
    write(pictures(3), tmp_path / "b.zip")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_another_ending_is_refused(tmp_path: Path, pictures: Pictures) -> None:
    with pytest.raises(DataError, match=r"written to a .png, a .zip or a folder, .*; got 'a.jpg'. Choose one of these"):
        write(pictures(1), tmp_path / "a.jpg")


@pytest.mark.parametrize("name", ["a.png", "a.zip", "a"])
def test_nothing_is_overwritten(name: str, tmp_path: Path, pictures: Pictures) -> None:
    write(pictures(1), tmp_path / name)
    with pytest.raises(DataError, match=r"exists already, and nothing is overwritten. Choose another name"):
        write(pictures(1), tmp_path / name)


@pytest.mark.parametrize("name", ["a.png", "a.zip", "a"])
def test_nothing_is_left_of_what_fails(name: str, tmp_path: Path, pictures: Pictures) -> None:
    def failing() -> Iterator[Image.Image]:
        yield from pictures(1)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write(failing(), tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_an_error(tmp_path: Path, pictures: Pictures) -> None:
    with pytest.raises(DataError, match=r"cannot be written: No such file or directory. Check the folder"):
        write(pictures(1), tmp_path / "none" / "a")
