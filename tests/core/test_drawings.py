from __future__ import annotations

import pytest

from genwright.drawings import MOST, check_drawn, fitting
from genwright.errors import OptionError


@pytest.mark.parametrize("count", [0, MOST + 1, 4_000])
def test_a_drawing_takes_some_items_and_not_too_many(count: int) -> None:
    with pytest.raises(OptionError, match=rf"takes 1 to 400 clips; got {count:,}. Draw a part: samples\[:100\]."):
        check_drawn([0] * count, (), of="a clip")


def test_there_is_a_text_for_each_or_none() -> None:
    for count in (1, 2, MOST):
        check_drawn([0] * count, (), of="an image")
        check_drawn([0] * count, ["a"] * count, of="an image")
    with pytest.raises(OptionError, match=r"legends are one an image, or none; got 1 for 2 images. Give as many"):
        check_drawn([0, 0], ["a"], of="an image")
    with pytest.raises(OptionError, match=r"captions are one a molecule, or none; got 3 for 2 molecules. Give as many"):
        check_drawn([0, 0], [{}, {}, {}], of="a molecule", name="captions")


def test_a_legend_is_cut_to_its_room() -> None:
    def wide(text: str) -> float:
        return 6.0 * len(text)

    assert fitting("one two", 42, wide) == "one two"
    assert fitting("one two", 41, wide) == "one tw"
    assert fitting("one\ntwo\x07", 100, wide) == "one two "
    assert fitting("one", 5, wide) == ""


def test_a_long_legend_is_not_measured_letter_by_letter() -> None:
    measured: list[int] = []

    def wide(text: str) -> float:
        measured.append(len(text))
        return 6.0 * len(text)

    assert fitting("x" * 1_000_000, 120, wide) == "x" * 20
    assert max(measured) == 60
