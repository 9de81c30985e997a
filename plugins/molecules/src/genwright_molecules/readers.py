"""Files of molecules: .smi, .csv and .sdf, and each of them compressed with gzip or xz."""

from __future__ import annotations

import csv
import gzip
import lzma
import os
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, cast

from rdkit import Chem
from rdkit.rdBase import BlockLogs

from genwright.errors import DataError

__all__ = ["FORMATS", "Unreadable", "read", "split_name"]

FORMATS = (".smi", ".csv", ".sdf")
_COMPRESSIONS = ("", ".gz", ".xz")

_LONGEST_LINE = 1 << 20
_LONGEST_RECORD = 100_000
_TITLE = 3
_NAMED = 3
_COLUMNS = ("smiles", "item")


class Unreadable(UserWarning):
    """Parts of a file were passed over because they could not be read."""


@dataclass(frozen=True, kw_only=True)
class _Line:
    """A line of a file, without its end; one with a flaw is not read."""

    number: int
    text: str = ""
    flaw: str | None = None


@dataclass(kw_only=True)
class _Tally:
    """What became of the parts of one file."""

    path: Path
    strict: bool
    read: int = 0
    refused: int = 0
    unnamed: int = 0
    named: list[str] = field(default_factory=list)

    def refuse(self, number: int, flaw: str, *, lines: int = 1) -> None:
        """Count the lines of a part that could not be read, from this number on. Raises DataError if strict."""
        if self.strict:
            raise DataError(f"{self.path}, line {number}: {flaw} Mend the file, or read it without strict.")
        self.refused += lines
        if len(self.named) < _NAMED:
            self.named.append(f"line {number}: {flaw}")
        else:
            self.unnamed += lines

    def close(self) -> None:
        """Warn of what was passed over. Raises DataError if nothing was read."""
        if not self.read:
            found = f"the file is empty. {_WANTED}" if not self.refused else " ".join(self.named)
            raise DataError(f"{self.path} holds no molecule that can be read: {found}")
        if self.refused:
            more = f" And {self.unnamed:,} more." if self.unnamed else ""
            warnings.warn(
                f"{self.path}: read {self.read:,} molecules and passed over {self.refused:,} lines or records. "
                f"{' '.join(self.named)}{more}",
                Unreadable,
                stacklevel=2,
            )


_WANTED = "Wanted is one SMILES a line, a table with a column smiles, or SDF records."


def read(path: Path, strict: bool = False) -> Iterator[str]:
    """Yield the SMILES of a file, or of all such files in a folder, in the order of their names.

    What is no molecule to chemistry comes back as it stands, since a file of generated samples holds such lines.
    What cannot be read as a line or record is passed over, counted, and told in one warning a file.

    Raises DataError if a file cannot be opened, has another format, is cut short, or holds nothing that can be read;
    and if `strict`, for the first thing that cannot be read.
    """
    path = Path(path)
    # Not path.is_dir(), which raises for a name that is too long.
    if os.path.isdir(path):
        yield from _read_folder(path, strict)
        return
    format, compression = split_name(path)
    tally = _Tally(path=path, strict=strict)
    with closing(_open(path, compression)) as stream:
        # Titles in SDF files are often in Latin-1.
        lines = _lines(stream, path, errors="replace" if format == ".sdf" else "strict")
        for smiles in _PARSERS[format](lines, tally):
            tally.read += 1
            yield smiles
    tally.close()


def _read_folder(folder: Path, strict: bool) -> Iterator[str]:
    endings = tuple(f + c for f in FORMATS for c in _COMPRESSIONS)
    files = sorted(f for f in folder.iterdir() if f.is_file() and f.name.lower().endswith(endings))
    if not files:
        raise DataError(
            f"folder {folder} holds no file that ends in {', '.join(endings)}. Name another folder or a file."
        )
    for file in files:
        yield from read(file, strict)


def split_name(path: Path) -> tuple[str, str]:
    """Return the format and compression that a file's name ends in: (".smi", ".gz"). Raises DataError if unknown."""
    compression = path.suffix.lower() if path.suffix.lower() in _COMPRESSIONS else ""
    format = path.with_suffix("").suffix.lower() if compression else path.suffix.lower()
    if format not in FORMATS:
        raise DataError(
            f"molecules are read and written as {', '.join(FORMATS)}, each also with .gz or .xz; "
            f"got {path.name!r}. Rename or convert the file."
        )
    return format, compression


def _open(path: Path, compression: str) -> BinaryIO:
    openers: dict[str, Callable[[Path], object]] = {
        "": lambda p: p.open("rb"),
        ".gz": gzip.open,
        ".xz": lzma.open,
    }
    try:
        return cast(BinaryIO, openers[compression](path))
    except (OSError, ValueError) as error:
        # A ValueError has no strerror; it comes of a NUL in the name.
        reason = getattr(error, "strerror", error)
        raise DataError(f"{path} cannot be opened: {reason}. Check the name and the permissions.") from error


def _lines(stream: BinaryIO, path: Path, *, errors: str) -> Iterator[_Line]:
    """Yield the lines of a stream; memory is bounded, however long one of them is."""
    number = 0
    while True:
        number += 1
        try:
            data = stream.readline(_LONGEST_LINE)
            is_whole = len(data) < _LONGEST_LINE or data.endswith(b"\n")
            rest = data
            while rest and not is_whole and not rest.endswith(b"\n"):
                rest = stream.readline(_LONGEST_LINE)
        except (EOFError, OSError, lzma.LZMAError, zlib.error) as error:
            raise DataError(
                f"{path} breaks off or is damaged in line {number}: {error}. Fetch or write it again."
            ) from error
        if not data:
            return
        yield _text(data, number, errors) if is_whole else _Line(number=number, flaw="It is longer than a mebibyte.")


def _text(data: bytes, number: int, errors: str) -> _Line:
    try:
        text = data.decode("utf-8-sig" if number == 1 else "utf-8", errors).rstrip("\r\n")
    except UnicodeDecodeError:
        return _Line(number=number, flaw="It is not UTF-8 text.")
    if "\0" in text:
        return _Line(number=number, text=text, flaw="It holds NUL bytes.")
    return _Line(number=number, text=text)


def _texts(lines: Iterator[_Line], tally: _Tally) -> Iterator[_Line]:
    """Yield the lines that have a text."""
    for line in lines:
        if line.flaw is None:
            yield line
        else:
            tally.refuse(line.number, line.flaw)


def _read_smi(lines: Iterator[_Line], tally: _Tally) -> Iterator[str]:
    """Yield the first word of each line; blank lines and a heading "smiles" are no molecules."""
    for line in _texts(lines, tally):
        words = line.text.split(maxsplit=1)
        if not words or (line.number == 1 and words[0].lower() == "smiles"):
            continue
        yield from _spelled(words[0], line.number, tally)


def _spelled(text: str, number: int, tally: _Tally, *, lines: int = 1) -> Iterator[str]:
    """Yield the text if its letters are those of SMILES; whether it is a molecule is for chemistry to say."""
    if text.isascii() and text.isprintable():
        yield text
    else:
        tally.refuse(number, f"{text[:20]!r} is no SMILES.", lines=lines)


def _read_csv(lines: Iterator[_Line], tally: _Tally) -> Iterator[str]:
    """Yield the column named smiles, in any case; or the only column, where a heading is told by that name.

    A table of samples that was exported has it under the name item.
    """
    taken: list[int] = []
    rows = csv.reader(_noted(_texts(lines, tally), taken))
    column: int | None = None
    width = 0
    while (row := _next_row(rows, tally, taken)) is not None:
        if not row:
            continue
        if column is None:
            column, width = _smiles_column(row, tally.path), len(row)
            if row[column].strip().lower() in _COLUMNS:
                continue
        if len(row) == width:
            yield from _spelled(row[column].strip(), taken[0], tally, lines=len(taken))
        else:
            tally.refuse(taken[0], f"It has {len(row)} columns in place of {width}.", lines=len(taken))


def _noted(lines: Iterator[_Line], taken: list[int]) -> Iterator[str]:
    """Yield the texts of lines, each with its end; their numbers go to `taken`."""
    for line in lines:
        taken.append(line.number)
        yield f"{line.text}\n"


def _next_row(rows: Iterator[list[str]], tally: _Tally, taken: list[int]) -> list[str] | None:
    """Return the next row, or an empty one in place of one that is refused; `taken` then holds its lines' numbers."""
    taken.clear()
    try:
        return next(rows, None)
    except csv.Error as error:
        tally.refuse(taken[0], f"{str(error).capitalize()}.", lines=len(taken))
        return []


def _smiles_column(heading: list[str], path: Path) -> int:
    names = [name.strip().lower() for name in heading]
    for name in _COLUMNS:
        if name in names:
            return names.index(name)
    if len(names) == 1:
        _check_separator(names[0], path)
        return 0
    shown = ", ".join(name[:20] for name in heading[:8])
    raise DataError(f"{path} has no column named smiles; its columns are {shown}. Name one of them smiles.")


def _check_separator(heading: str, path: Path) -> None:
    """Raise DataError if an only column is a heading of several, held apart by something else."""
    for separator, name in ((";", "semicolons"), ("\t", "tabs")):
        parts = [part.strip(" \"'") for part in heading.split(separator)]
        if len(parts) > 1 and "smiles" in parts:
            raise DataError(f"{path} has columns separated by {name}; wanted are commas. Write it anew with commas.")


@dataclass(kw_only=True)
class _Record:
    """A record of an SDF file: three lines of title, the structure, then data items.

    start:      the number of its first line
    is_sound:   whether title and structure have no line with a flaw
    is_in_data: whether the structure has ended
    """

    start: int
    lines: list[str] = field(default_factory=list)
    is_sound: bool = True
    is_in_data: bool = False

    def flaw(self, line: _Line) -> str | None:
        """Return the flaw of the next line: titles and data items are often in Latin-1, a structure is not."""
        in_structure = len(self.lines) >= _TITLE and not self.is_in_data
        return "It is not UTF-8 text." if line.flaw is None and in_structure and "\ufffd" in line.text else line.flaw

    def add(self, line: _Line, flaw: str | None) -> None:
        """Take a line; what has a flaw spoils a structure and no data item."""
        self.is_sound &= flaw is None or self.is_in_data
        self.is_in_data |= line.text.startswith("M  END")
        if len(self.lines) < _LONGEST_RECORD:
            self.lines.append(line.text)


def _read_sdf(lines: Iterator[_Line], tally: _Tally) -> Iterator[str]:
    """Yield the SMILES of each record's structure."""
    for record in _records(lines, tally):
        with BlockLogs():
            molecule = Chem.MolFromMolBlock("\n".join(record.lines))
        if molecule is not None and molecule.GetNumAtoms():
            yield Chem.MolToSmiles(molecule)
        else:
            tally.refuse(record.start, "The record that starts there holds no molecule that RDKit can read.")


def _records(lines: Iterator[_Line], tally: _Tally) -> Iterator[_Record]:
    """Yield the sound records of an SDF file; of the others, the lines that spoil them are refused."""
    record = _Record(start=1)
    for line in lines:
        flaw = record.flaw(line)
        if flaw is not None:
            tally.refuse(line.number, flaw)
        if not line.text.startswith("$$$$"):
            record.add(line, flaw)
            continue
        if record.is_sound:
            yield record
        record = _Record(start=line.number + 1)
    if record.is_sound and any(text.strip() for text in record.lines):
        yield record


_PARSERS: dict[str, Callable[[Iterator[_Line], _Tally], Iterator[str]]] = {
    ".smi": _read_smi,
    ".csv": _read_csv,
    ".sdf": _read_sdf,
}
