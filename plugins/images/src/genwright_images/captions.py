"""What a table beside images says of them: captions.csv, a row an image."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence

from genwright.errors import DataError

__all__ = ["NAME", "file_of", "read", "said"]

NAME = "captions.csv"

_COLUMNS: Mapping[str, Sequence[str]] = {"class": ("class", "label", "group"), "caption": ("caption", "text")}
_FILE = ("file", "file_name")


def read(data: bytes, path: object) -> list[dict[str, str]]:
    """Return the rows of a table by their headings, in lower case.

    Raises DataError if it is no UTF-8 table with a column caption or class, or a row has another number of columns.
    """
    try:
        rows = [row for row in csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True) if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} should be a table in UTF-8, with commas; it is not: {error}. Mend it.") from error
    heading = [name.strip().lower() for name in rows[0]] if rows else []
    if not any(name in heading for names in _COLUMNS.values() for name in names):
        raise DataError(f"{path} needs a column caption or class; its columns are {', '.join(heading)}. Name one so.")
    for number, row in enumerate(rows):
        if len(row) != len(heading):
            raise DataError(f"{path}, row {number}: it has {len(row)} columns in place of {len(heading)}. Mend it.")
    return [dict(zip(heading, row, strict=True)) for row in rows[1:]]


def said(row: Mapping[str, str]) -> dict[str, str]:
    """Return the class and the caption that a row gives, without those it leaves empty."""
    found = {fact: next((row[name] for name in names if row.get(name)), "") for fact, names in _COLUMNS.items()}
    return {fact: text for fact, text in found.items() if text}


def file_of(row: Mapping[str, str]) -> str | None:
    """Return the name of the file that a row is about, or None if it names none."""
    return next((row[name] for name in _FILE if row.get(name)), None)
