from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from genwright.errors import DataError, OptionError
from genwright_images.provenance import is_intact, signed
from genwright_images.rendering import draw, film, sheet, strip

Pictures = Callable[..., list[Image.Image]]


def test_one_image_is_enlarged_by_a_whole_factor(tmp_path: Path, pictures: Pictures) -> None:
    (image,) = pictures(1)
    draw([image], tmp_path / "a.PNG")
    with Image.open(tmp_path / "a.PNG") as drawn:
        np.testing.assert_array_equal(np.asarray(drawn), np.asarray(image).repeat(56, 0).repeat(56, 1))


def test_several_make_a_sheet_with_each_in_its_place(pictures: Pictures) -> None:
    items = pictures(5, size=(28, 28))
    page = np.asarray(sheet(items))
    assert page.shape == (2 * 116 + 4, 3 * 116 + 4, 3)
    for place, (row, column) in enumerate([(0, 0), (0, 1), (0, 2), (1, 0), (1, 1)]):
        top, left = 4 + 116 * row, 4 + 116 * column
        cell = page[top : top + 112 : 4, left : left + 112 : 4]
        np.testing.assert_array_equal(cell, np.asarray(items[place].convert("RGB")))
    assert (page[120:, 236:] == 255).all()


def test_large_images_are_reduced_to_the_cells(pictures: Pictures) -> None:
    assert sheet(pictures(2, size=(600, 300)), columns=2).size == (2 * 116 + 4, 56 + 8)


def test_legends_are_written_under_the_images() -> None:
    white = [Image.new("L", (28, 28), 255)] * 2
    bare = np.asarray(sheet(white, legends=["", ""], columns=2))
    page = np.asarray(sheet(white, legends=["sneaker", ""], columns=2))
    assert (bare == 255).all()
    assert (page[:116] == 255).all()
    assert (page[116:, :116] < 128).any()
    assert (page[:, 120:] == 255).all()


@settings(max_examples=30, deadline=None)
@given(st.text(st.characters(exclude_categories=()), max_size=80))
def test_any_legend_is_drawn_within_its_cell(legend: str) -> None:
    page = np.asarray(sheet([Image.new("L", (28, 28), 255)] * 2, legends=[legend, ""], columns=2))
    assert (page[:, 117:] == 255).all()


def test_drawing_is_repeatable(tmp_path: Path, pictures: Pictures) -> None:
    for name in ("a.png", "b.png"):
        draw(pictures(3), tmp_path / name, legends=["x", "y", "z"])
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_a_strip_has_rows_without_gaps(pictures: Pictures) -> None:
    items = pictures(6, size=(28, 28))
    page = np.asarray(strip([items[:3], items[3:]]))
    assert page.shape == (224, 336, 3)
    np.testing.assert_array_equal(page[112::4, 224::4], np.asarray(items[5].convert("RGB")))


def test_a_film_has_a_frame_a_step_and_rests_on_the_last(tmp_path: Path, pictures: Pictures) -> None:
    steps = [pictures(4, seed=seed) for seed in range(3)]
    film(steps, tmp_path / "a.gif")
    with Image.open(tmp_path / "a.gif") as film_:
        frames, times = [], []
        for place in range(film_.n_frames):
            film_.seek(place)
            frames.append(np.asarray(film_.convert("RGB")))
            times.append(film_.info["duration"])
        assert film_.info["loop"] == 0
    assert times == [100, 100, 2000]
    np.testing.assert_array_equal(frames[2], np.asarray(sheet(steps[2])))


def test_other_endings_are_refused(tmp_path: Path, pictures: Pictures) -> None:
    with pytest.raises(DataError, match=r"images are drawn as .png; got 'a.svg'. Name the file so"):
        draw(pictures(1), tmp_path / "a.svg")
    with pytest.raises(DataError, match=r"films are written as .gif; got 'a.mp4'. Name the file so"):
        film([pictures(1)], tmp_path / "a.mp4")


def test_a_drawing_does_not_overwrite(tmp_path: Path, pictures: Pictures) -> None:
    (tmp_path / "a.png").write_text("mine")
    with pytest.raises(DataError, match=r"exists already"):
        draw(pictures(1), tmp_path / "a.png")
    assert (tmp_path / "a.png").read_text() == "mine"


@pytest.mark.parametrize("count", [0, 401])
def test_too_few_or_many_images_are_refused(count: int) -> None:
    images = [Image.new("L", (1, 1))] * count
    for make in (sheet, lambda images: strip([images])):
        with pytest.raises(OptionError, match=rf"a drawing takes 1 to 400 images; got {count}. Draw a part"):
            make(images)


def test_a_film_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"a film needs one step or more; got none. Give a list of images a step"):
        film([], tmp_path / "a.gif")


def test_images_that_are_not_in_rows_are_refused(tmp_path: Path, pictures: Pictures) -> None:
    """Python once said what it thought of them."""
    for make in (strip, lambda images: film(images, tmp_path / "a.gif")):
        with pytest.raises(
            OptionError, match=r"laid out in rows, .*; got Image where .* Write one row as \[images\]\."
        ):
            make(pictures(2))


def test_a_film_is_written_to_a_path_as_text(tmp_path: Path, pictures: Pictures) -> None:
    film([pictures(1)], str(tmp_path / "a.gif"))
    assert (tmp_path / "a.gif").exists()


def test_legends_that_do_not_match_are_refused(pictures: Pictures) -> None:
    with pytest.raises(OptionError, match=r"legends are one an image, or none; got 1 for 2 images"):
        sheet(pictures(2), legends=["a"])


def test_an_enlarged_image_does_not_say_that_it_was_changed(tmp_path: Path, pictures: Pictures) -> None:
    draw([signed(pictures(1)[0], sample="run/1")], tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as drawn:
        assert (drawn.info["sample"], is_intact(drawn)) == ("run/1", None)


def test_a_film_of_steps_that_differ_is_refused(tmp_path: Path, pictures: Pictures) -> None:
    with pytest.raises(OptionError, match="as many images in each step, of one size; these differ"):
        film([pictures(1), pictures(4)], tmp_path / "a.gif")
    assert not list(tmp_path.iterdir())


def test_columns_are_one_or_more_and_no_more_than_there_are_images(pictures: Pictures) -> None:
    assert sheet(pictures(3), columns=200_000).size == sheet(pictures(3), columns=3).size
    for columns in (0, -1):
        with pytest.raises(OptionError, match=rf"one column or more; got {columns}\."):
            sheet(pictures(3), columns=columns)
