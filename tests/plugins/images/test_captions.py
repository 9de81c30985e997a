from __future__ import annotations

import pytest

from genwright.errors import DataError
from genwright_images import captions


def test_rows_say_a_class_and_a_caption_under_several_headings() -> None:
    rows = captions.read(b'\xef\xbb\xbfFile,Caption,group,size\na.png,"a hat, red",Hats,3\nb.png,,Hats,\n\n', "c.csv")
    assert [captions.said(row) for row in rows] == [{"class": "Hats", "caption": "a hat, red"}, {"class": "Hats"}]
    assert [captions.file_of(row) for row in rows] == ["a.png", "b.png"]


def test_a_row_without_a_file_names_none() -> None:
    assert captions.file_of({"caption": "a"}) is None


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"name,size\na,1\n", "c.csv needs a column caption or class; its columns are name, size. Name one so."),
        (b"", "c.csv needs a column caption or class; its columns are "),
        (b"caption\n\xff\n", "c.csv should be a table in UTF-8, with commas; it is not: "),
        (b'caption\n"a\n', "c.csv should be a table in UTF-8, with commas; it is not: "),
        (b"caption,class\na,b\nc\n", "c.csv, row 2: it has 1 columns in place of 2. Mend it."),
    ],
)
def test_what_is_no_table_of_captions_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        captions.read(data, "c.csv")
