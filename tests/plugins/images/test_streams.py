from __future__ import annotations

import gzip
import io
import lzma
from pathlib import Path

import numpy as np
import pytest

from genwright.errors import DataError
from genwright.tally import Tally, Unreadable
from genwright_images.streams import check_shape, images, opened, split_name


def test_a_name_is_split_from_the_ending_of_its_compression() -> None:
    assert split_name(Path("a/b.npy.xz")) == ("b.npy", ".xz")
    assert split_name(Path("b-ubyte.GZ")) == ("b-ubyte", ".gz")
    assert split_name(Path("b.npy")) == ("b.npy", "")


def test_compressed_files_are_opened_as_what_they_hold(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"data")
    (tmp_path / "a.gz").write_bytes(gzip.compress(b"data"))
    (tmp_path / "a.xz").write_bytes(lzma.compress(b"data"))
    for name in ("a", "a.gz", "a.xz"):
        with opened(tmp_path / name) as stream:
            assert stream.read() == b"data"


def test_a_file_that_cannot_be_opened_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot be opened: No such file or directory. Check the name"):
        opened(tmp_path / "none")


@pytest.mark.parametrize("shape", [(5,), (5, 4), (5, 4, 4, 2), (5, 0, 4), (5, 4, 4, 3, 1)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match=r"a should hold images as an array \[N, Y, X\] or"):
        check_shape(shape, Path("a"))


def test_images_that_are_too_large_are_refused_by_their_header() -> None:
    with pytest.raises(DataError, match=r"holds images of 1,000,000,000 pixels, over the limit of 67,108,864"):
        check_shape((1, 100_000, 10_000), Path("a"))


@pytest.mark.parametrize(("shape", "mode"), [((2, 3, 4), "L"), ((2, 3, 4, 1), "L"), ((2, 3, 4, 3), "RGB")])
def test_bytes_become_images_row_by_row(shape: tuple[int, ...], mode: str) -> None:
    array = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
    found = list(images(io.BytesIO(array.tobytes()), shape, Tally(path=Path("a"), strict=True, of="image")))
    assert [image.mode for image in found] == [mode] * 2
    assert found[1].size == (4, 3)
    np.testing.assert_array_equal(np.stack([np.asarray(image) for image in found]).reshape(shape), array)


def test_where_a_file_breaks_off_is_named() -> None:
    tally = Tally(path=Path("a"), strict=False, of="image")
    assert len(list(images(io.BytesIO(b"\0" * 30), (5, 3, 4), tally))) == 2
    assert tally.named == ["image 2 of 5: The file breaks off there."]
    with pytest.warns(Unreadable, match=r"read 2 images and passed over 3\. image 2 of 5: .* And 2 more\."):
        tally.close()


def test_where_a_compressed_file_is_damaged_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.gz").write_bytes(gzip.compress(b"\0" * 24)[:-8])
    tally = Tally(path=tmp_path, strict=False, of="image")
    with opened(tmp_path / "a.gz") as stream:
        found = list(images(stream, (5, 3, 4), tally))
    assert (len(found) <= 2, len(found) + tally.refused) == (True, 5)
    assert "The file is damaged there: " in tally.named[0]
