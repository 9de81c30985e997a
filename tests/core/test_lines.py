from __future__ import annotations

import gzip
import lzma
from pathlib import Path

import pytest

from genwright.errors import DataError
from genwright.lines import read_lines

LINES = [b"a\n", b"\n", b"x" * 99_999 + b"\n", "ä\u2028".encode() + b"\r\n", b"end"]


@pytest.fixture(params=["", ".gz", ".xz"])
def ending(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def packed(content: bytes, ending: str) -> bytes:
    return {"": bytes, ".gz": gzip.compress, ".xz": lzma.compress}[ending](content)


def test_lines_come_as_they_are_in_the_file(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a{ending}"
    path.write_bytes(packed(b"".join(LINES), ending))
    assert list(read_lines(path, 1 << 20)) == LINES
    path.write_bytes(packed(b"", ending))
    assert list(read_lines(path, 1 << 20)) == []


def test_of_a_line_that_is_too_long_one_byte_more_comes_and_nothing_after(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a{ending}"
    path.write_bytes(packed(b"ab\nabcdef\nx\n", ending))
    assert list(read_lines(path, 4)) == [b"ab\n", b"abcde"]


@pytest.mark.parametrize("ending", [".gz", ".xz"])
def test_files_that_were_joined_are_read_one_after_the_other(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a{ending}"
    path.write_bytes(packed(b"a\nb", ending) + packed(b"c\n", ending))
    assert list(read_lines(path, 100)) == [b"a\n", b"bc\n"]


@pytest.mark.parametrize("ending", [".gz", ".xz"])
def test_a_file_that_is_cut_or_damaged_is_told(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a{ending}"
    whole = packed(b"".join(LINES), ending)
    for content in (whole[:-5], whole[: len(whole) // 2], whole[:10], b"plain text"):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"a\..z cannot be read: .*\. Check it, or make or copy it again\."):
            list(read_lines(path, 1 << 20))


def test_a_file_that_asks_its_reader_for_much_memory_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.xz"
    path.write_bytes(lzma.compress(b"a\n", filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 29}]))
    with pytest.raises(DataError, match="Memory usage limit exceeded"):
        list(read_lines(path, 100))


@pytest.mark.parametrize("name", ["absent", "a\0b"])
def test_a_file_that_is_not_there_is_told(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=r"cannot be read: (No such file|embedded null)"):
        list(read_lines(tmp_path / name, 100))
