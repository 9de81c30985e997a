"""Where files of sounds lie: alone, in a folder, or in an archive, which is read from its beginning to its end."""

from __future__ import annotations

import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
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

_Opened = Callable[..., BufferedIOBase]
_Entry = tuple[str, _Opened]

_ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.xz")

# Ten minutes at 192 kHz in two channels of 32 bits have 921 MB; an archive may hold what swells to more.
_LARGEST = 1 << 30


def found(path: Path) -> Iterator[tuple[str, BufferedIOBase]]:
    """Yield the sounds below a path, each by its name there, open for reading: of folders by name, else as they lie.

    Raises DataError for a path that does not exist or is of no known kind, or an archive that is damaged.
    """
    for name, opened in _all(path):
        if name.lower().endswith(ENDINGS) and not _is_hidden(name):
            with opened() as stream:
                yield name, stream


def manifest(path: Path) -> tuple[str, bytes] | None:
    """Return the manifest nearest to the top, by its name and with its bytes, or None if there is none."""
    read = []
    for name, opened in _all(path):
        if PurePosixPath(name).name == MANIFEST and not _is_hidden(name):
            with opened() as stream:
                read.append((name, limited(stream).read()))
    return min(read, key=lambda pair: (pair[0].count("/"), pair[0]), default=None)


def _all(path: Path) -> Iterator[_Entry]:
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
        return iter([(path.name, partial(_file, path))])
    raise DataError(
        f"sounds are read from {', '.join(ENDINGS)}, {', '.join(_ARCHIVES)} and folders; got {path.name!r}. "
        "Rename or convert it."
    )


def _in_folder(path: Path) -> Iterator[_Entry]:
    for file in sorted(file for file in path.rglob("*") if file.is_file()):
        yield file.relative_to(path).as_posix(), partial(_file, file)


def _file(path: Path) -> BufferedIOBase:
    return path.open("rb")


def _in_archive(path: Path, members: Iterator[_Entry]) -> Iterator[_Entry]:
    with _whole(path):
        for name, opened in members:
            yield name, partial(_opened_in, path, opened)


def _opened_in(path: Path, opened: _Opened) -> BufferedIOBase:
    with _whole(path):
        return opened()


@contextmanager
def _whole(path: Path) -> Iterator[None]:
    try:
        yield
    except DAMAGES as error:
        raise DataError(f"{path} cannot be read to its end: {error}. Write it again.") from error


def _in_zip(path: Path) -> Iterator[_Entry]:
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if not info.is_dir():
                yield info.filename, partial(cast(_Opened, archive.open), info)


def _in_tar(path: Path) -> Iterator[_Entry]:
    # As a stream: going back in a compressed archive would decompress it anew. Nothing is unpacked.
    with tarfile.open(path, "r|*") as archive:
        for info in archive:
            if info.isfile():
                yield info.name, partial(cast(_Opened, archive.extractfile), info)


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
