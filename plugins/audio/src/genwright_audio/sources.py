"""Where files of sounds lie: alone, in a folder, or in an archive, which is read from its beginning to its end."""

from __future__ import annotations

import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from io import BufferedIOBase
from pathlib import Path, PurePosixPath
from typing import cast

from genwright.errors import DataError
from genwright_audio.files import ENDINGS

__all__ = ["DAMAGES", "MANIFEST", "found", "limited", "manifest"]

MANIFEST = "manifest.csv"
"""The file beside sounds that says what they are of."""

DAMAGES = (EOFError, OSError, RuntimeError, lzma.LZMAError, tarfile.TarError, zipfile.BadZipFile, zlib.error)
"""What reading a damaged or unfinished archive raises."""

_ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.xz")

# Ten minutes at 192 kHz in two channels of 32 bits have 921 MB; an archive may hold what swells to more.
_LARGEST = 1 << 30


def found(path: Path) -> Iterator[tuple[str, BufferedIOBase]]:
    """Yield the sounds below a path, each by its name there, open for reading: of folders by name, else as they lie.

    Raises DataError for a path that does not exist or is of no known kind, or an archive that is damaged.
    """
    for name, stream in _all(path):
        if name.lower().endswith(ENDINGS) and not _is_hidden(name):
            yield name, stream


def manifest(path: Path) -> tuple[str, bytes] | None:
    """Return the manifest nearest to the top, by its name and with its bytes, or None if there is none."""
    texts = ((name, stream) for name, stream in _all(path) if PurePosixPath(name).name == MANIFEST)
    read = [(name, limited(stream).read()) for name, stream in texts if not _is_hidden(name)]
    return min(read, key=lambda pair: (pair[0].count("/"), pair[0]), default=None)


def _all(path: Path) -> Iterator[tuple[str, BufferedIOBase]]:
    if path.is_dir():
        return _in_folder(path)
    if not path.is_file():
        raise DataError(f"{path} does not exist. Name a file or folder of sounds.")
    name = path.name.lower()
    if name.endswith(".zip"):
        return _in_archive(path, _in_zip(path))
    if name.endswith(_ARCHIVES):
        return _in_archive(path, _in_tar(path))
    if name.endswith(ENDINGS):
        return _alone(path)
    raise DataError(
        f"sounds are read from {', '.join(ENDINGS)}, {', '.join(_ARCHIVES)} and folders; got {path.name!r}. "
        "Rename or convert it."
    )


def _alone(path: Path) -> Iterator[tuple[str, BufferedIOBase]]:
    with path.open("rb") as stream:
        yield path.name, stream


def _in_folder(path: Path) -> Iterator[tuple[str, BufferedIOBase]]:
    for file in sorted(file for file in path.rglob("*") if file.is_file()):
        with file.open("rb") as stream:
            yield file.relative_to(path).as_posix(), stream


def _in_archive(path: Path, members: Iterator[tuple[str, BufferedIOBase]]) -> Iterator[tuple[str, BufferedIOBase]]:
    try:
        yield from members
    except DAMAGES as error:
        raise DataError(f"{path} cannot be read to its end: {error}. Write it again.") from error


def _in_zip(path: Path) -> Iterator[tuple[str, BufferedIOBase]]:
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if not info.is_dir():
                with archive.open(info) as stream:
                    yield info.filename, cast(BufferedIOBase, stream)


def _in_tar(path: Path) -> Iterator[tuple[str, BufferedIOBase]]:
    # As a stream: going back in a compressed archive would decompress it anew. Nothing is unpacked.
    with tarfile.open(path, "r|*") as archive:
        for info in archive:
            if info.isfile() and (stream := archive.extractfile(info)) is not None:
                yield info.name, cast(BufferedIOBase, stream)


def limited(stream: BufferedIOBase) -> BufferedIOBase:
    """Return a file on a disk as it is, and what is left of another stream, in memory.

    Raises DataError where that is more than any sound has.
    """
    if isinstance(stream, io.BufferedReader) and isinstance(stream.raw, io.FileIO):
        return stream
    data = stream.read(_LARGEST + 1)
    if len(data) > _LARGEST:
        raise DataError(f"It has more than {_LARGEST >> 20:,} MiB.")
    return io.BytesIO(data)


def _is_hidden(name: str) -> bool:
    return any(part.startswith((".", "__MACOSX")) for part in PurePosixPath(name).parts)
