"""Samples as lines of JSON, with all that a store has of them, so that another can be given them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from genwright.entries import Unreadable, facts, from_text, with_origins
from genwright.errors import shown
from genwright.exporters.row import Origin, row
from genwright.files import write_lines
from genwright.lines import read_lines
from genwright.store import Store

__all__ = ["LONGEST", "lines", "read", "write"]

LONGEST = 64 << 20
"""The bytes of the longest line that is read."""
_MOST_VALUES = 2_000_000


def write(samples: Iterator[Origin], path: Path, *, store: Store) -> None:
    """Write samples to a new file, compressed if its name ends in .gz or .xz."""
    write_lines(path, lines(samples, store))


def lines(samples: Iterator[Origin], store: Store) -> Iterator[str]:
    """Yield an object a sample; the first of each run also tells all of the run and of its checkpoint."""
    last = None
    for record, run, origin in with_origins(samples, store):
        line = {**row(record, run), **facts(record), "origin": None if run.id == last else origin}
        last = run.id
        yield f"{json.dumps(line, ensure_ascii=False)}\n"


def read(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield where each line is, and what `genwright.entries.entry` takes of it.

    Raises Unreadable for what is no such line, DataError for a file that cannot be read.
    """
    for number, line in enumerate(read_lines(path, LONGEST), 1):
        place = f"line {number:,}"
        if len(line) > LONGEST:
            raise Unreadable(place, f"a line has at most {LONGEST:,} bytes; this one has more")
        yield place, _parsed(place, line)


def _parsed(place: str, line: bytes) -> Mapping[str, Any]:
    # Python needs a hundred bytes for each of many small values that take three in the file.
    if sum(map(line.count, (b",", b"[", b"{"))) > _MOST_VALUES:
        raise Unreadable(place, f"a line holds at most {_MOST_VALUES:,} values; this one has more")
    try:
        data = json.loads(line)
    except RecursionError:
        raise Unreadable(place, "a line is an object; this one holds others within others too deep") from None
    except ValueError as error:
        raise Unreadable(place, f"a line is an object of JSON; got {shown(_begin(line))}: {error}") from None
    if not isinstance(data, dict):
        raise Unreadable(place, f"a line is an object of JSON; got {shown(_begin(line))}")
    return from_text(place, data)


def _begin(line: bytes) -> str:
    return line[:60].decode(errors="replace")
