"""Writing sounds: one to a file, several to a folder or an archive."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from genwright.errors import DataError
from genwright.files import new_file, new_folder
from genwright_audio.clip import Clip
from genwright_audio.files import FORMATS, encoded

__all__ = ["write"]

_OF_SEVERAL = ".flac"


def write(items: Iterable[Clip], path: Path) -> None:
    """Write clips with their facts: one to a .wav, .flac, .ogg or .mp3, several as FLAC to a .zip or a new folder.

    Raises DataError for another ending, a path that exists, or any number but one for a single file; nothing is left.
    """
    ending = path.suffix.lower()
    if ending in FORMATS:
        with new_file(path) as stream:
            stream.write(encoded(_only(items, path), ending))
    elif ending == ".zip":
        with new_file(path) as stream, zipfile.ZipFile(stream, "w") as archive:
            for name, data in _files(items):
                # Without times, equal clips make equal archives. FLAC is compressed already.
                archive.writestr(zipfile.ZipInfo(name), data)
    elif not ending:
        with new_folder(path):
            for name, data in _files(items):
                (path / name).write_bytes(data)
    else:
        raise DataError(
            f"sounds are written to {', '.join(FORMATS)}, a .zip or a folder, whose name has no ending; "
            f"got {path.name!r}. Choose one of these."
        )


def _files(items: Iterable[Clip]) -> Iterator[tuple[str, bytes]]:
    return ((f"{place:06}{_OF_SEVERAL}", encoded(clip, _OF_SEVERAL)) for place, clip in enumerate(items))


def _only(items: Iterable[Clip], path: Path) -> Clip:
    found = list(islice(items, 2))
    if len(found) != 1:
        raise DataError(
            f"a {path.suffix} file holds one sound; got {'several' if found else 'none'} for {path.name!r}. "
            "Name a folder or a .zip for several."
        )
    return found[0]
