from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from genwright_images import binarised

WriteIdx = Callable[[Path, np.ndarray], None]


def flat(level: int, *, count: int = 20, side: int = 40) -> np.ndarray:
    return np.full((count, side, side), level, dtype=np.uint8)


def test_black_stays_black_and_white_stays_white() -> None:
    assert not binarised.drawn(flat(0), 0).any()
    assert (binarised.drawn(flat(255), 0) == 255).all()


@pytest.mark.parametrize("level", [1, 64, 128, 254])
def test_a_pixel_is_white_as_often_as_it_is_light(level: int) -> None:
    share = binarised.drawn(flat(level), 0).mean() / 255
    chance = level / 255
    assert abs(share - chance) < 4 * (chance * (1 - chance) / (20 * 40 * 40)) ** 0.5


def test_the_draws_are_the_same_everywhere() -> None:
    (found,) = binarised.drawn(flat(128, count=1, side=4), 0)
    assert (found // 255).tolist() == [[0, 1, 1, 1], [1, 1, 1, 0], [0, 0, 0, 0], [0, 0, 0, 1]]


def test_an_image_is_drawn_by_its_place_alone(
    tmp_path: Path, write_idx: WriteIdx, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_idx(tmp_path / "a.idx", flat(100, count=7, side=6))
    whole = [image.tobytes() for image in binarised.read(tmp_path / "a.idx", True)]
    monkeypatch.setattr(binarised, "_ROWS", 3)
    assert [image.tobytes() for image in binarised.read(tmp_path / "a.idx", True)] == whole
    assert len(set(whole)) == 7


def test_images_are_black_and_white_and_keep_their_class(tmp_path: Path, write_idx: WriteIdx) -> None:
    write_idx(tmp_path / "t10k-images-idx3-ubyte", np.arange(150).reshape(2, 15, 5))
    write_idx(tmp_path / "t10k-labels-idx1-ubyte", np.array([7, 0]))
    found = list(binarised.read(tmp_path / "t10k-images-idx3-ubyte", True))
    assert [image.info for image in found] == [{"class": "7"}, {"class": "0"}]
    assert [image.mode for image in found] == ["L", "L"]
    assert {value for image in found for value in np.unique(np.asarray(image))} == {0, 255}
