"""Reading sounds: files, folders and archives, with what a manifest beside them says of each."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Self, final

from genwright.errors import DataError
from genwright.tally import Tally
from genwright_audio import sources
from genwright_audio.clip import Clip, facts, flaw
from genwright_audio.files import decoded

__all__ = ["read"]

# What manifests call what a clip is of.
_NAMES = {"family": "kind", "class": "kind", "label": "kind", "transcript": "text", "caption": "text"}


def read(path: Path, strict: bool = False, *, split: str | None = None) -> Iterator[Clip]:
    """Yield the clips of a file, a folder or an archive, each in one channel and at its own rate.

    A manifest.csv beside them says of each, in a column `file`, what it is of, in columns named as conditions are; else
    a clip says what the tag of its file does. What cannot be read, and silence, is passed over and told in one warning.

    split: only clips that the manifest has in this split

    Raises DataError for a path that does not exist or is of no known kind, or where nothing in it can be read; and if
    `strict`, for the first clip that cannot be.
    """
    path = Path(path)
    tally, table = Tally(path=path, strict=strict, of="clip"), _Table.of(path)
    for name, opened in sources.found(path):
        row = table.row(name)
        if split is not None and row.get("split") != split:
            continue
        try:
            with opened() as stream:
                clip = decoded(stream, name)
            if trouble := flaw(clip):
                raise DataError(trouble)
        except (DataError, OSError) as error:
            tally.refuse(name, str(error))
            continue
        tally.read += 1
        yield clip.saying(**facts(row))
    tally.close()


@final
@dataclass(frozen=True, kw_only=True)
class _Table:
    """What a manifest says of files, by their names below the folder that it lies in."""

    folder: PurePosixPath
    rows: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @classmethod
    def of(cls, path: Path) -> Self:
        """Return the manifest of a folder or archive; an empty one where there is none. Raises DataError if damaged."""
        found = sources.manifest(path)
        if found is None:
            return cls(folder=PurePosixPath())
        name, data = found
        try:
            rows = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))
        except (UnicodeDecodeError, csv.Error) as error:
            raise DataError(f"{path / name} should be a table in UTF-8; it is not: {error}. Write it again.") from error
        if any(not row.get("file") and not row.get("id") for row in rows):
            raise DataError(f"{path / name} needs a column `file` with the name of a file in each row. Mend it.")
        return cls(folder=PurePosixPath(name).parent, rows={row.get("file") or row["id"]: _named(row) for row in rows})

    def row(self, name: str) -> Mapping[str, str]:
        """Return what it says of a file, by its name with or without its ending."""
        place = PurePosixPath(name)
        if place.is_relative_to(self.folder):
            place = place.relative_to(self.folder)
        return self.rows.get(str(place)) or self.rows.get(str(place.with_suffix("")), {})


def _named(row: Mapping[str | None, str]) -> dict[str, str]:
    """Return a row by the names of conditions; what is beyond its columns has none."""
    return {_NAMES.get(name, name): text for name, text in row.items() if name and isinstance(text, str)}
