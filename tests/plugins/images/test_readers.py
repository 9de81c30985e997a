from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from genwright.errors import DataError
from genwright.tally import Unreadable
from genwright_images.domain import Images
from genwright_images.image import digest
from genwright_images.readers import read
from genwright_images.writers import write

Pictures = Callable[..., list[Image.Image]]


@pytest.fixture
def folder(tmp_path: Path, pictures: Pictures) -> Path:
    """Four images: two in sub-folders, one with a text beside it, one named in a table."""
    path = tmp_path / "photos"
    (path / "hats").mkdir(parents=True)
    (path / "shoes").mkdir()
    for name, image in zip(("hats/a.png", "shoes/b.jpg", "c.webp", "d.PNG"), pictures(4, mode="RGB"), strict=True):
        image.info = {}
        image.save(path / name)
    (path / "c.txt").write_text("a warm coat\n")
    (path / "captions.csv").write_text("file,caption,class\nd.PNG,a dress,dresses\nhats/a.png,a hat,\n")
    (path / "notes.md").write_text("not an image")
    (path / ".thumb.png").write_bytes(b"not an image either")
    return path


def test_a_folder_gives_its_images_by_name_with_what_is_said_of_them(folder: Path) -> None:
    assert [dict(image.info) for image in read(folder, strict=True)] == [
        {"caption": "a warm coat"},
        {"class": "dresses", "caption": "a dress"},
        {"class": "hats", "caption": "a hat"},
        {"class": "shoes"},
    ]


def test_an_archive_reads_as_the_folder_does(folder: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for file in folder.rglob("*"):
            archive.write(file, file.relative_to(folder).as_posix())
    one, other = list(read(folder)), list(read(tmp_path / "a.zip"))
    assert [(digest(image), image.info) for image in one] == [(digest(image), image.info) for image in other]


def test_an_image_is_called_by_its_file_in_the_folder_or_archive(folder: Path, tmp_path: Path) -> None:
    names = ["c.webp", "d.PNG", "hats/a.png", "shoes/b.jpg"]
    assert [Images().title(image) for image in read(folder)] == names
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.write(folder / "c.webp", "c.webp")
    assert [Images().title(image) for image in read(tmp_path / "a.zip")] == ["c.webp"]
    assert [Images().title(image) for image in read(folder / "d.PNG")] == ["d.PNG"]


def test_what_a_file_says_of_itself_comes_first(tmp_path: Path, pictures: Pictures) -> None:
    (tmp_path / "hats").mkdir()
    write(pictures(1), tmp_path / "hats" / "a.png")
    (image,) = read(tmp_path)
    assert image.info == {"class": "a", "caption": "number 0"}


def test_one_file_is_read_alone(folder: Path) -> None:
    (image,) = read(folder / "hats" / "a.png")
    assert image.size == (8, 6)


def test_a_file_that_breaks_off_among_many_is_named_skipped_and_counted(tmp_path: Path, pictures: Pictures) -> None:
    write(pictures(200), tmp_path / "many")
    whole = (tmp_path / "many" / "000117.png").read_bytes()
    (tmp_path / "many" / "000117.png").write_bytes(whole[:-50])
    with pytest.warns(Unreadable, match=r"read 199 images and passed over 1. 000117.png: It cannot be decoded: "):
        assert len(list(read(tmp_path / "many"))) == 199
    with pytest.raises(DataError, match=r"many, 000117.png: It cannot be decoded: .* Mend or remove it"):
        list(read(tmp_path / "many", strict=True))


def test_a_damaged_member_of_an_archive_is_named(tmp_path: Path, pictures: Pictures) -> None:
    write(pictures(3), tmp_path / "a.zip")
    data = bytearray((tmp_path / "a.zip").read_bytes())
    data[data.index(b"IDAT") + 8] ^= 0xFF
    (tmp_path / "a.zip").write_bytes(data)
    with pytest.warns(Unreadable, match=r"read 2 images and passed over 1. 000000.png: "):
        assert len(list(read(tmp_path / "a.zip"))) == 2


@pytest.mark.parametrize("name", ["a.bmp", "a.tar", "a", "a.npz", "a.png.gz"])
def test_an_unknown_ending_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(DataError, match=rf"images are read from .png, .*folders; got '{name}'. Rename or convert it"):
        list(read(tmp_path / name))


def test_a_path_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none does not exist. Name a file or folder of images"):
        list(read(tmp_path / "none"))


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")
    with pytest.raises(DataError, match=r"holds no file that ends in .png, .jpg, .jpeg, .webp. Name another"):
        list(read(tmp_path))


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"no archive")
    with pytest.raises(DataError, match=r"cannot be opened as an archive: .* Write it again"):
        list(read(tmp_path / "a.zip"))


def test_a_table_that_names_no_files_is_refused(folder: Path) -> None:
    (folder / "captions.csv").write_text("caption\na hat\n")
    with pytest.raises(DataError, match=r"captions.csv needs a file in each row, in a column file, and one row"):
        list(read(folder))


def test_numpy_files_are_read_too(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.arange(32, dtype=np.uint8).reshape(2, 4, 4))
    assert [image.size for image in read(tmp_path / "a.npy")] == [(4, 4)] * 2


def test_a_table_with_two_rows_of_one_file_is_refused(folder: Path) -> None:
    (folder / "captions.csv").write_text("file,caption\na.png,a hat\na.png,a shoe\n")
    with pytest.raises(DataError, match=r"and one row a file\. Mend it"):
        list(read(folder))


def test_rows_of_files_that_are_not_there_are_told(folder: Path) -> None:
    """They were once passed over without a word, and their captions with them."""
    (folder / "captions.csv").write_text("file,caption\n./a.png,a hat\nB.png,a shoe\n")
    with pytest.warns(Unreadable, match=r"speaks of 2 files that are not there, such as \./a\.png, B\.png\."):
        list(read(folder))


def test_an_empty_text_beside_an_image_is_no_caption(tmp_path: Path, pictures: Pictures) -> None:
    pictures(1)[0].save(tmp_path / "a.png")
    (tmp_path / "a.txt").write_text(" \n")
    assert [image.info.get("caption") for image in read(tmp_path)] == [None]


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA])
def test_any_damage_of_a_member_is_named_and_the_rest_read(method: int, tmp_path: Path, pictures: Pictures) -> None:
    """Damage of the packing, not of the image, once ended the whole reading."""
    path, text = tmp_path / "a.zip", bytes(range(256)) * 40
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, image in zip(("a.png", "b.png"), pictures(2), strict=True):
            stream = io.BytesIO()
            image.save(stream, "PNG")
            archive.writestr(name, stream.getvalue())
        archive.writestr("a.txt", text)
        (place,) = (info.header_offset for info in archive.infolist() if info.filename == "a.txt")
    data = bytearray(path.read_bytes())
    for byte in range(place + 45, place + 60):
        data[byte] ^= 0xFF
    path.write_bytes(data)
    with pytest.warns(Unreadable, match=r"read 1 images and passed over 1\. a\.png: "):
        assert [image.filename for image in read(path)] == ["b.png"]  # type: ignore[attr-defined]
