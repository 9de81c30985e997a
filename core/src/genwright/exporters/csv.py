"""Samples as a table for spreadsheets and data frames."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from genwright.exporters.row import COLUMNS, Origin, row
from genwright.files import csv_line, write_lines
from genwright.store import Store

__all__ = ["lines", "write"]


def write(samples: Iterator[Origin], path: Path, *, store: Store) -> None:
    """Write samples to a new file, compressed if its name ends in .gz or .xz."""
    write_lines(path, lines(samples, store))


def lines(samples: Iterator[Origin], store: Store) -> Iterator[str]:
    """Yield the names of the columns, then the samples."""
    yield csv_line(COLUMNS)
    for record, run in samples:
        yield csv_line(map(_cell, row(record, run).values()))


def _cell(value: str | int | None) -> str | int | None:
    """Return a value as spreadsheets show it: one that they would take for a formula has an apostrophe before it."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULAS) else value


_FORMULAS = ("=", "+", "-", "@", "\t", "\r")
