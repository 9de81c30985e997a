from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from genwright.errors import DataError
from genwright.tally import Unreadable
from genwright_images import stacked

WriteIdx = Callable[[Path, np.ndarray], None]


def digits() -> list[Image.Image]:
    """Ten images, each all of the level of its class."""
    found = [Image.fromarray(np.full((4, 3), level, dtype=np.uint8)) for level in range(10)]
    for level, image in enumerate(found):
        image.info["class"] = str(level)
    return found


def test_each_channel_is_a_digit_and_the_class_names_all_three_in_order() -> None:
    for image in stacked.stacks(digits(), 50):
        pixels = np.asarray(image)
        assert (image.mode, pixels.shape) == ("RGB", (4, 3, 3))
        assert (pixels == pixels[0, 0]).all()
        assert image.info == {"class": "".join(map(str, pixels[0, 0]))}


def test_the_stacks_are_the_same_everywhere() -> None:
    assert [image.info["class"] for image in stacked.stacks(digits(), 5)] == ["288", "107", "141", "626", "725"]


def test_a_stack_does_not_depend_on_how_many_there_are() -> None:
    few, many = (list(stacked.stacks(digits(), count)) for count in (3, 30))
    assert [image.tobytes() for image in few] == [image.tobytes() for image in many[:3]]


def test_all_thousand_kinds_are_about_as_frequent() -> None:
    found = Counter(image.info["class"] for image in stacked.stacks(digits(), 20_000))
    assert len(found) == 1_000
    # 20 each: a Poisson count is under 3 or over 50 in less than one of 10^5 kinds.
    assert 3 <= min(found.values()) <= max(found.values()) <= 50


def test_a_file_gives_as_many_stacks_as_it_holds_digits(tmp_path: Path, write_idx: WriteIdx) -> None:
    levels = np.arange(7, dtype=np.uint8)
    write_idx(tmp_path / "train-images-idx3-ubyte.xz", np.broadcast_to(levels[:, None, None] * 30, (7, 5, 5)))
    write_idx(tmp_path / "train-labels-idx1-ubyte", levels)
    found = list(stacked.read(tmp_path / "train-images-idx3-ubyte.xz", True))
    assert len(found) == 7
    assert all(image.info["class"] == "".join(str(v // 30) for v in image.getpixel((0, 0))) for image in found)


def test_without_labels_a_stack_has_no_class(tmp_path: Path, write_idx: WriteIdx) -> None:
    write_idx(tmp_path / "train-images-idx3-ubyte", np.zeros((2, 4, 4)))
    with pytest.warns(Unreadable, match=r"its images have no class"):
        assert [image.info for image in stacked.read(tmp_path / "train-images-idx3-ubyte")] == [{}, {}]


def test_digits_of_several_sizes_are_refused() -> None:
    with pytest.raises(DataError, match=r"among them are L of 3 x 4, L of 4 x 4\. Cut them alike"):
        list(stacked.stacks([Image.new("L", (4, 4)), Image.new("L", (3, 4))], 2))
