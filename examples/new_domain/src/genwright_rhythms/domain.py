"""Drum rhythms: cycles of strokes and rests, written as text such as "x..x..x."."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from genwright.domain import Domain, Offer, Prefix, Scalar
from genwright.errors import DataError

__all__ = ["LONGEST", "REST", "STROKE", "RhythmsDomain", "read"]

STROKE, REST = "x", "."
LONGEST = 16
_DOT, _GAP = 8, 20


class RhythmsDomain(Domain[str]):
    """Rhythms of up to 16 pulses. Those that differ only in where they begin are one."""

    name = "rhythms"
    conditions: Mapping[str, Offer] = {
        "strokes": Scalar(summary="how many pulses are struck", low=1, high=LONGEST),
        "prefix": Prefix(summary="the pulses that it starts with", longest=LONGEST),
    }
    pictures = (".svg",)

    def read(self, path: Path, *, strict: bool = False) -> Iterator[str]:
        """Yield the rhythms of a text file, one a line."""
        return read(path, strict=strict)

    def write(self, items: Iterable[str], path: Path) -> None:
        """Write rhythms to a new text file, one a line."""
        if path.suffix != ".txt":
            raise DataError(f"rhythms are written as .txt; got {path.name}. Choose a name that ends so.")
        path.write_text("".join(f"{item}\n" for item in items), encoding="utf-8")

    def check(self, item: str) -> str | None:
        """Return the flaw of a rhythm, or None."""
        return flaw(item)

    def canonical(self, item: str) -> str | None:
        """Return the rotation that is greatest as text, so that it begins with a stroke, or None if flawed."""
        if flaw(item) is not None:
            return None
        return max(item[start:] + item[:start] for start in range(len(item)))

    def identity(self, item: str) -> str | None:
        """Return the canonical spelling, which is short enough to be a key."""
        return self.canonical(item)

    def measure(self, items: Sequence[str], names: Sequence[str]) -> np.ndarray:
        """Return the number of strokes, for as many of `names` as ask for it."""
        strokes = np.array([item.count(STROKE) for item in items], dtype=np.float64)
        return np.stack([strokes for _ in names], axis=1) if names else np.empty((len(items), 0))

    def gather(self, items: Sequence[str]) -> list[str]:
        """Return the rhythms as they are."""
        return list(items)

    def reference(self, items: Sequence[str]) -> list[str]:
        """Return the rhythms as they are."""
        return list(items)

    def to_bytes(self, item: str) -> bytes:
        """Return the text as UTF-8."""
        return item.encode()

    def from_bytes(self, data: bytes) -> str:
        """Return the rhythm of such bytes."""
        return data.decode()

    def render(self, items: Sequence[str], path: Path, *, legends: Sequence[str] = ()) -> None:
        """Draw rhythms as rows of dots, filled where there is a stroke."""
        if path.suffix != ".svg":
            raise DataError(f"rhythms are drawn as .svg; got {path.name}. Choose a name that ends so.")
        dots = [_dot(column, row, pulse) for row, item in enumerate(items) for column, pulse in enumerate(item)]
        texts = [f'<text x="{(LONGEST + 1) * _GAP}" y="{(row + 1) * _GAP}">{t}</text>' for row, t in enumerate(legends)]
        size = f'width="{(LONGEST + 12) * _GAP}" height="{(len(items) + 1) * _GAP}"'
        drawing = f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{"".join(dots + texts)}</svg>\n'
        path.write_text(drawing, encoding="utf-8")


def read(path: Path, *, strict: bool = False) -> Iterator[str]:
    """Yield the rhythms of a text file, one a line; empty lines and those that begin with # are passed over.

    Raises DataError if the file cannot be read, or a line is no rhythm and `strict`, or none is.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"rhythms are read from a text file; {path} cannot be: {error}.") from error
    found = 0
    for number, line in enumerate(lines, 1):
        item = line.strip()
        if not item or item.startswith("#"):
            continue
        trouble = flaw(item)
        if trouble is None:
            found += 1
            yield item
        elif strict:
            raise DataError(f"{path}, line {number}: {trouble} Mend the file, or read it without strict.")
        else:
            warnings.warn(f"{path}, line {number} was passed over: {trouble}", stacklevel=2)
    if not found:
        raise DataError(f"{path} should hold rhythms, one a line, such as x..x..x.; it holds none.")


def flaw(item: str) -> str | None:
    """Return what is wrong with a rhythm in one sentence, or None."""
    if len(item) > LONGEST:
        return f"It has {len(item)} pulses; {LONGEST} are the most."
    strange = sorted(set(item) - {STROKE, REST})
    if strange:
        return f"It holds {strange[0]!r}, which is neither a stroke {STROKE!r} nor a rest {REST!r}."
    return None if STROKE in item else "It has no stroke."


def _dot(column: int, row: int, pulse: str) -> str:
    x, y = (column + 0.5) * _GAP, (row + 0.75) * _GAP
    fill = "black" if pulse == STROKE else "none"
    return f'<circle cx="{x}" cy="{y}" r="{_DOT}" fill="{fill}" stroke="black"/>'
