from __future__ import annotations

import gzip
import io
import lzma
from pathlib import Path

import numpy as np
import pytest

from genwright.errors import DataError
from genwright.tally import Tally
from genwright_images import npy

ARRAY = np.arange(48, dtype=np.uint8).reshape(2, 4, 2, 3)


def written(path: Path, array: np.ndarray) -> Path:
    stream = io.BytesIO()
    np.save(stream, array)
    path.write_bytes({".gz": gzip.compress, ".xz": lzma.compress}.get(path.suffix, bytes)(stream.getvalue()))
    return path


def read(path: Path) -> list[np.ndarray]:
    return [np.asarray(image) for image in npy.read(path, Tally(path=path, strict=True, of="image"))]


def test_names_of_numpy_files_are_known() -> None:
    assert [npy.is_npy(Path(name)) for name in ("a.npy", "a.npy.xz", "a.NPY.gz", "a.npz")] == [True, True, True, False]


@pytest.mark.parametrize("name", ["a.npy", "a.npy.gz", "a.npy.xz"])
def test_pixels_are_those_of_the_file(name: str, tmp_path: Path) -> None:
    np.testing.assert_array_equal(np.stack(read(written(tmp_path / name, ARRAY))), ARRAY)


def test_a_table_beside_says_what_images_are(tmp_path: Path) -> None:
    (tmp_path / "captions.csv").write_text("index,caption,group\n0,a hat,Objects\n1,,Flags\n")
    path = written(tmp_path / "a.npy", ARRAY)
    found = [dict(image.info) for image in npy.read(path, Tally(path=path, strict=True, of="image"))]
    assert found == [{"class": "Objects", "caption": "a hat"}, {"class": "Flags"}]


def test_a_table_of_another_length_is_refused(tmp_path: Path) -> None:
    (tmp_path / "captions.csv").write_text("caption\na hat\n")
    with pytest.raises(DataError, match=r"holds 2 images; .*captions.csv has 1 rows. Give it one an image"):
        read(written(tmp_path / "a.npy", ARRAY))


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (ARRAY.astype(np.float32), r"should hold bytes, levels 0 to 255; it holds float32\. Save array\.astype"),
        (np.asfortranarray(ARRAY), r"should be in C order; it is in Fortran's\. Save np\.ascontiguousarray"),
    ],
)
def test_other_arrays_are_refused(array: np.ndarray, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        read(written(tmp_path / "a.npy", array))


def test_objects_are_never_unpickled(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"should hold bytes, .*; it holds object"):
        read(written(tmp_path / "a.npy", np.array([[[print]]])))


@pytest.mark.parametrize("data", [b"", b"no array", b"\x93NUMPY\x01\x00"])
def test_what_is_no_numpy_file_is_refused(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.npy").write_bytes(data)
    with pytest.raises(DataError, match=r"should begin with the header of a NumPy file; it does not"):
        read(tmp_path / "a.npy")


@pytest.mark.parametrize("shape", ["(5, 28, 28)", "(5, -28, 28)"])
def test_a_header_that_is_no_header_is_refused(shape: str, tmp_path: Path) -> None:
    end = "" if "-" not in shape else "}"
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, {end}".encode().ljust(117) + b"\n"
    (tmp_path / "a.npy").write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(4000))
    with pytest.raises(DataError, match=r"should (begin with the header of a NumPy file|hold images as an array)"):
        read(tmp_path / "a.npy")


def test_one_image_in_colour_is_not_taken_for_many_in_grey(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"its shape is \[28, 28, 3\], as of one image in colour\. Save it as array"):
        read(written(tmp_path / "a.npy", np.zeros((28, 28, 3), dtype=np.uint8)))
