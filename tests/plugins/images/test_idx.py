from __future__ import annotations

import gzip
import os
from collections import Counter
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from genwright.datasets import find
from genwright.errors import DataError
from genwright.tally import Tally, Unreadable
from genwright_images import idx, plugin

WriteIdx = Callable[[Path, np.ndarray], None]

MIRROR = os.environ.get("GENWRIGHT_DATA_MIRROR")
ARRAY = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)


def read(path: Path, *, strict: bool = True) -> list[dict[object, object]]:
    tally = Tally(path=path, strict=strict, of="image")
    return [dict(image.info) for image in idx.read(path, tally)]


def test_names_of_idx_files_are_known() -> None:
    known = ("a.idx", "train-images-idx3-ubyte", "train-images-idx3-ubyte.gz", "a.idx.xz", "t10k-images.idx3-ubyte")
    assert [idx.is_idx(Path(name)) for name in known] == [True] * 5
    assert [idx.is_idx(Path(name)) for name in ("a.npy", "idx.png", "ubyte")] == [False] * 3


@pytest.mark.parametrize(("images", "labels"), [("", ""), (".gz", ".gz"), (".xz", ".xz"), (".xz", "")])
def test_labels_are_found_beside_the_images(images: str, labels: str, tmp_path: Path, write_idx: WriteIdx) -> None:
    write_idx(tmp_path / f"train-images-idx3-ubyte{images}", ARRAY)
    write_idx(tmp_path / f"train-labels-idx1-ubyte{labels}", np.array([7, 0]))
    write_idx(tmp_path / "t10k-labels-idx1-ubyte", np.array([1, 1]))
    assert read(tmp_path / f"train-images-idx3-ubyte{images}") == [{"class": "7"}, {"class": "0"}]


def test_pixels_are_those_of_the_file(tmp_path: Path, write_idx: WriteIdx) -> None:
    write_idx(tmp_path / "a.idx", ARRAY)
    found = list(idx.read(tmp_path / "a.idx", Tally(path=tmp_path, strict=True, of="image")))
    np.testing.assert_array_equal(np.stack([np.asarray(image) for image in found]), ARRAY)


def test_missing_labels_are_told(tmp_path: Path, write_idx: WriteIdx) -> None:
    write_idx(tmp_path / "train-images-idx3-ubyte.gz", ARRAY)
    with pytest.warns(Unreadable, match=r"its images have no class, since no train-labels-idx1-ubyte lies beside it"):
        assert read(tmp_path / "train-images-idx3-ubyte.gz") == [{}, {}]


def test_another_number_of_labels_is_refused(tmp_path: Path, write_idx: WriteIdx) -> None:
    write_idx(tmp_path / "train-images-idx3-ubyte", ARRAY)
    write_idx(tmp_path / "train-labels-idx1-ubyte", np.array([1, 2, 3]))
    with pytest.raises(DataError, match=r"holds 2 images; beside it are 3 labels. Fetch both again"):
        read(tmp_path / "train-images-idx3-ubyte")


def test_labels_that_break_off_are_refused(tmp_path: Path, write_idx: WriteIdx) -> None:
    write_idx(tmp_path / "train-images-idx3-ubyte", ARRAY)
    write_idx(tmp_path / "train-labels-idx1-ubyte", np.array([1, 2]))
    whole = (tmp_path / "train-labels-idx1-ubyte").read_bytes()
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(whole[:-1])
    with pytest.raises(DataError, match=r"should hold \[2\] labels; it holds 1 bytes. Fetch it again"):
        read(tmp_path / "train-images-idx3-ubyte")
    (tmp_path / "train-labels-idx1-ubyte").unlink()
    (tmp_path / "train-labels-idx1-ubyte.xz").write_bytes(b"no archive")
    with pytest.raises(DataError, match=r"should begin with the header of an IDX file; it breaks off there"):
        read(tmp_path / "train-images-idx3-ubyte")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\0\0\x08", "should begin with the header of an IDX file; it breaks off there"),
        (b"\0\0\x08\x03\0\0\0\x01", "should begin with the header of an IDX file; it breaks off there"),
        (b"\0\0\x0d\x01\0\0\0\x01", "should be an IDX file of bytes, which begins 00 00 08; it begins 00 00 0d"),
        (b"\x89PNG\0\0\0\0", "should be an IDX file of bytes, which begins 00 00 08; it begins 89 50 4e"),
    ],
)
def test_what_is_no_idx_file_is_refused(data: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "a.idx").write_bytes(data.ljust(3, b"\0"))
    with pytest.raises(DataError, match=message):
        read(tmp_path / "a.idx")


def test_a_file_that_breaks_off_gives_what_it_holds(tmp_path: Path, write_idx: WriteIdx) -> None:
    write_idx(tmp_path / "a.idx", ARRAY)
    (tmp_path / "a.idx").write_bytes((tmp_path / "a.idx").read_bytes()[:-1])
    assert len(read(tmp_path / "a.idx", strict=False)) == 1
    with pytest.raises(DataError, match=r"image 1 of 2: The file breaks off there"):
        read(tmp_path / "a.idx")


@pytest.mark.skipif(MIRROR is None, reason="GENWRIGHT_DATA_MIRROR names no folder with the data sets")
def test_the_classes_of_fashion_mnist_have_names() -> None:
    spec = next(spec for spec in plugin.register_datasets() if spec.name == "fashion-mnist-test")
    path = find(spec)
    if path is None:
        pytest.skip("the mirror folder does not hold fashion-mnist-test")
    found = Counter(
        str(image.info["class"]) for image in islice(idx.read(path, Tally(path=path, strict=True, of="image")), 200)
    )
    assert list(idx._FASHION) == sorted(found, key=idx._FASHION.index)
    assert next(idx.read(path, Tally(path=path, strict=True, of="image"))).info == {"class": "ankle boot"}


def test_what_follows_the_last_image_is_told(tmp_path: Path, write_idx: WriteIdx) -> None:
    path = tmp_path / "a.idx"
    write_idx(path, ARRAY)
    path.write_bytes(path.read_bytes() + b"more")
    with pytest.raises(DataError, match=r"its end: More follows than its header says"):
        read(path)


def test_a_compressed_file_is_held_against_its_checksum(tmp_path: Path, write_idx: WriteIdx) -> None:
    """A pixel that had changed was once read as any other."""
    write_idx(tmp_path / "a.idx", ARRAY)
    data = bytearray(gzip.compress((tmp_path / "a.idx").read_bytes(), 0))
    data[-12] ^= 1
    (tmp_path / "a.idx.gz").write_bytes(data)
    with pytest.raises(DataError, match=r"its end: The file is damaged, perhaps before: CRC"):
        read(tmp_path / "a.idx.gz")
