from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow
import pyarrow.ipc
import pytest
from PIL import Image

from genwright.errors import DataError
from genwright.tally import Tally, Unreadable
from genwright_images import arrow, readers

COLUMNS = {
    "picture": {"_type": "Image"},
    "label": {"names": ["hat", "shoe"], "_type": "ClassLabel"},
    "text": {"dtype": "string", "_type": "Value"},
}


def png() -> bytes:
    stream = io.BytesIO()
    Image.linear_gradient("L").save(stream, "PNG")
    return stream.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data set as `save_to_disk` leaves it, but that its one Arrow file is empty: a stand-in gives the rows."""
    (tmp_path / "state.json").write_text(json.dumps({"_data_files": [{"filename": "data-00000.arrow"}]}))
    (tmp_path / "dataset_info.json").write_text(json.dumps({"features": COLUMNS}))
    (tmp_path / "data-00000.arrow").write_bytes(b"")
    return tmp_path


def install(monkeypatch: pytest.MonkeyPatch, rows: list[dict[str, Any]]) -> None:
    """Put a stand-in in the place of pyarrow that gives these rows, whatever the file."""

    @contextmanager
    def open_stream(_: object) -> Iterator[list[Any]]:
        yield [SimpleNamespace(to_pylist=lambda: rows[:1]), SimpleNamespace(to_pylist=lambda: rows[1:])]

    monkeypatch.setitem(sys.modules, "pyarrow", SimpleNamespace(ipc=SimpleNamespace(open_stream=open_stream)))


def test_columns_become_image_class_and_caption(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(
        monkeypatch,
        [
            {"picture": {"bytes": png(), "path": None}, "label": 1, "text": "a red shoe"},
            {"picture": {"bytes": png(), "path": None}, "label": -1, "text": None},
        ],
    )
    found = list(readers.read(folder, strict=True))
    assert [image.info for image in found] == [{"class": "shoe", "caption": "a red shoe"}, {}]
    assert found[0].size == (256, 256)


def test_a_row_that_cannot_be_decoded_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, [{"picture": None}, {"picture": {"bytes": png()[:60]}}, {"picture": {"bytes": png()}}])
    with pytest.warns(Unreadable, match=r"read 1 images and passed over 2. row 0: It is damaged, or no PNG"):
        assert len(list(readers.read(folder))) == 1


def test_without_pyarrow_it_says_what_to_install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(
        DataError, match=r"pyarrow reads; it is not installed. Run: pip install 'genwright-images\[arrow"
    ):
        list(readers.read(folder))


def test_several_splits_are_named(tmp_path: Path) -> None:
    (tmp_path / "dataset_dict.json").write_text('{"splits": ["train", "test"]}')
    with pytest.raises(DataError, match=r"holds several splits: train, test. Name the folder of one"):
        list(readers.read(tmp_path))


def test_a_set_without_images_is_refused(folder: Path) -> None:
    (folder / "dataset_info.json").write_text('{"features": {"text": {"_type": "Value"}}}')
    with pytest.raises(DataError, match=r"should have a column of images; its columns are text"):
        list(readers.read(folder))


def test_a_damaged_description_is_refused(folder: Path) -> None:
    (folder / "dataset_info.json").write_text("{")
    with pytest.raises(DataError, match=r"dataset_info.json cannot be read: .* Save the data set again"):
        list(arrow.read(folder, Tally(path=folder, strict=False, of="image")))


def test_a_missing_part_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, [])
    (folder / "data-00000.arrow").unlink()
    with pytest.raises(DataError, match=r"data-00000.arrow cannot be read as Arrow: .* Save the data set again"):
        list(readers.read(folder))


@pytest.fixture
def saved(folder: Path) -> Path:
    """A data set whose Arrow file is one, of three rows in two batches."""
    rows = [{"picture": {"bytes": png(), "path": None}, "label": n % 2, "text": f"number {n}"} for n in range(3)]
    first, second = (pyarrow.RecordBatch.from_pylist(part) for part in (rows[:2], rows[2:]))
    with (
        (folder / "data-00000.arrow").open("wb") as stream,
        pyarrow.ipc.new_stream(stream, first.schema) as written,
    ):
        written.write_batch(first)
        written.write_batch(second)
    return folder


def test_a_file_that_pyarrow_wrote_is_read(saved: Path) -> None:
    found = list(readers.read(saved, strict=True))
    assert [image.info for image in found] == [
        {"class": name, "caption": f"number {place}"} for place, name in enumerate(("hat", "shoe", "hat"))
    ]
    assert [image.tobytes() for image in found] == [Image.linear_gradient("L").tobytes()] * 3


def test_a_file_that_breaks_off_is_refused(saved: Path) -> None:
    file = saved / "data-00000.arrow"
    file.write_bytes(file.read_bytes()[:-400])
    with pytest.raises(DataError, match=r"data-00000\.arrow cannot be read as Arrow: .* Save the data set again"):
        list(readers.read(saved))
