from __future__ import annotations

import csv
import gzip
import io
import lzma
import os
import tempfile
import zipfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from genwright.errors import DataError
from genwright.files import compressed, csv_line, flush, new_file, new_folder, only, replaced, write_files

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
        pytest.raises(DataError, match=f"cannot be written: {reason}. Check the folder, the permissions and the space"),
        new(tmp_path / name),
    ):
        pass


def test_a_file_takes_the_place_of_another_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("before")
    with replaced(path, force=True) as unfinished:
        assert unfinished.name == "a.txt"
        unfinished.write_text("after")
        assert path.read_text() == "before"
    assert path.read_text() == "after"
    assert list(tmp_path.iterdir()) == [path]


def test_what_fails_in_between_replaces_nothing_and_is_raised_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("before")
    failure = OSError(5, "Input/output error", "/elsewhere")

    def write() -> None:
        with replaced(path, force=True) as unfinished:
            unfinished.write_text("half")
            raise failure

    with pytest.raises(OSError, match="/elsewhere") as caught:
        write()
    assert caught.value is failure
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("a.txt", "before")]


def test_what_is_moved_to_its_place_is_on_the_disk_before_and_its_name_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    fsync, move = os.fsync, os.replace
    monkeypatch.setattr(
        os, "fsync", lambda handle: (done.append(os.readlink(f"/proc/self/fd/{handle}")), fsync(handle))
    )
    monkeypatch.setattr(os, "replace", lambda old, new: (done.append("moved"), move(old, new)))
    with replaced(tmp_path / "a", force=False) as unfinished:
        (unfinished / "deep").mkdir(parents=True)
        (unfinished / "deep" / "b").write_text("b")
        (unfinished / "c").write_text("c")
    at = done.index("moved")
    assert {path.removeprefix(str(unfinished)) for path in done[:at]} == {"", "/deep", "/deep/b", "/c"}
    assert done[at + 1 :] == [str(tmp_path)]


@pytest.mark.parametrize("call", ["mkdtemp", "fsync", "replace"])
def test_a_file_that_cannot_be_put_in_its_place_is_told_with_the_reason(
    call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(tempfile if call == "mkdtemp" else os, call, refuse)
    with (
        pytest.raises(
            DataError, match=r"a\.txt cannot be written: No space left on device\. Check the folder, the perm"
        ),
        replaced(tmp_path / "a.txt", force=False) as unfinished,
    ):
        unfinished.write_text("after")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("value", ["a\rb", "a\nb", "a\r\nb", 'a"b', "a,b", "a b", ""])
def test_a_line_of_a_table_is_read_as_it_was_written(value: str) -> None:
    line = csv_line([value, None, 3])
    assert line.endswith(",,3\n")
    assert list(csv.reader(io.StringIO(line, newline=""))) == [[value, "", "3"]]


@pytest.mark.parametrize(("ending", "opened"), [("", bytes), (".gz", gzip.decompress), (".xz", lzma.decompress)])
def test_equal_contents_are_compressed_equally(ending: str, opened: Callable[[bytes], bytes]) -> None:
    found = []
    for _ in range(2):
        raw = io.BytesIO()
        stream = compressed(raw, ending)
        stream.write(b"C" * 99)
        found.append(raw.getvalue() if stream is raw else stream.close() or raw.getvalue())
    assert found[0] == found[1]
    assert opened(found[0]) == b"C" * 99


def test_what_is_not_there_cannot_be_flushed(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        flush(tmp_path / "nothing")
    flush(tmp_path)


@pytest.mark.parametrize("name", ["a.zip", "a.ZIP", "a"])
def test_files_are_put_into_an_archive_or_a_folder(tmp_path: Path, name: str) -> None:
    files = {"000.png": b"one", "001.png": b"other"}
    write_files(files.items(), tmp_path / name)
    if name == "a":
        assert {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} == files
    else:
        with zipfile.ZipFile(tmp_path / name) as archive:
            assert {name: archive.read(name) for name in archive.namelist()} == files


@pytest.mark.parametrize(("items", "word"), [([], "none"), ([1, 2], "several")])
def test_a_file_of_its_own_holds_one_item(items: list[int], word: str) -> None:
    assert only(iter([7]), Path("a.wav"), of="sound") == 7
    with pytest.raises(DataError, match=rf"a .wav file holds one sound; got {word} for .a.WAV.\. Name a folder"):
        only(items, Path("a.WAV"), of="sound")
