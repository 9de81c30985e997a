"""Writing sounds: one to a file, several to a folder or an archive."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from genwright.errors import DataError
from genwright.files import new_file, only, write_files
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
            stream.write(encoded(only(items, path, of="sound"), ending))
    elif ending in ("", ".zip"):
        files = ((f"{place:06}{_OF_SEVERAL}", encoded(clip, _OF_SEVERAL)) for place, clip in enumerate(items))
        write_files(files, path)
    else:
        raise DataError(
            f"sounds are written to {', '.join(FORMATS)}, a .zip or a folder, whose name has no ending; "
            f"got {path.name!r}. Choose one of these."
        )
