from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from genwright.errors import DataError
from genwright.files import new_file, new_folder

New = Callable[[Path], AbstractContextManager[Any]]

new = pytest.mark.parametrize("new", [new_file, new_folder])


def test_a_file_holds_what_is_written_to_it(tmp_path: Path) -> None:
    with new_file(tmp_path / "a") as stream:
        stream.write(b"C")
    assert (tmp_path / "a").read_bytes() == b"C"


def test_a_folder_holds_what_is_put_into_it(tmp_path: Path) -> None:
    with new_folder(tmp_path / "a"):
        (tmp_path / "a" / "b").write_bytes(b"C")
    assert (tmp_path / "a" / "b").read_bytes() == b"C"


@new
def test_nothing_is_overwritten(new: New, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("mine")
    with (
        pytest.raises(DataError, match=r"a exists already, and nothing is overwritten\. Choose another name\."),
        new(tmp_path / "a"),
    ):
        pass
    assert (tmp_path / "a").read_text() == "mine"


@new
def test_nothing_is_left_of_what_fails(new: New, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), new(tmp_path / "a"):
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


@new
@pytest.mark.parametrize(
    ("name", "reason"),
    [("none/a", "No such file or directory"), ("a" * 300, "File name too long"), ("a\0b", "embedded null byte")],
)
def test_a_place_that_cannot_be_written_is_named_with_the_reason(
    new: New, name: str, reason: str, tmp_path: Path
) -> None:
    with (
        pytest.raises(DataError, match=f"cannot be written: {reason}. Check the folder and the permissions"),
        new(tmp_path / name),
    ):
        pass
