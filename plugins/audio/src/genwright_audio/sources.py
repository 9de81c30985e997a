"""Where files of sounds lie: alone, in a folder, or in an archive, which is read from its beginning to its end."""

from __future__ import annotations

import io
import lzma
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from io import BufferedIOBase
from pathlib import Path, PurePosixPath
from typing import IO, cast

from genwright.errors import DataError
from genwright_audio.beginning import Beginning
from genwright_audio.files import ENDINGS, check_header

__all__ = ["MANIFEST", "Opened", "found", "manifest"]

MANIFEST = "manifest.csv"
"""The file beside sounds that says what they are of."""

# What reading a damaged or unfinished archive raises.
_DAMAGES = (EOFError, OSError, RuntimeError, lzma.LZMAError, tarfile.TarError, zipfile.BadZipFile, zlib.error)
Opened = Callable[[], BufferedIOBase]
"""Opens a file that can be gone back in; raises DataError where it cannot be opened, or has more than any sound."""

_Entry = tuple[str, Opened]

_ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.xz")

# Ten minutes at 192 kHz in two channels of 32 bits have 921 MB; an archive may hold what swells to more.
_LARGEST = 1 << 30
_HEAD = 1 << 20

# Bit 0 of what a zip says of a member.
_ENCRYPTED = 1


def found(path: Path) -> Iterator[_Entry]:
    """Yield the sounds below a path, each by its name there, with what opens it: of folders by name, else as they lie.

    Raises DataError for a path that does not exist or is of no known kind, or an archive that is damaged.
    """
    for name, opened in _all(path):
        if name.lower().endswith(ENDINGS) and not _is_hidden(name):
            yield name, opened


def manifest(path: Path) -> tuple[str, bytes] | None:
    """Return the manifest nearest to the top, by its name and with its bytes, or None if there is none.

    Raises DataError for one that cannot be read.
    """
    read = []
    for name, opened in _all(path):
        if PurePosixPath(name).name == MANIFEST and not _is_hidden(name):
            read.append((name, _bytes(path / name, opened)))
    return min(read, key=lambda pair: (pair[0].count("/"), pair[0]), default=None)


def _bytes(path: Path, opened: Opened) -> bytes:
    try:
        with opened() as stream:
            return stream.read()
    except (DataError, *_DAMAGES) as error:
        raise DataError(
            f"{path} says what sounds are of, and cannot be read. {error} Mend it, or take it out."
        ) from error


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
    try:
        return path.open("rb")
    except OSError as error:
        raise DataError(f"It cannot be opened: {error.strerror}.") from error


def _in_archive(path: Path, members: Iterator[_Entry]) -> Iterator[_Entry]:
    try:
        yield from members
    except _DAMAGES as error:
        raise DataError(f"{path} cannot be read to its end: {error}. Write it again.") from error


def _in_zip(path: Path) -> Iterator[_Entry]:
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if not info.is_dir():
                yield info.filename, partial(_member, archive, info)


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> BufferedIOBase:
    if info.flag_bits & _ENCRYPTED:
        raise DataError("It is encrypted. Unpack the archive, and read the folder.")
    return _held(lambda: archive.open(info), info.file_size)


def _in_tar(path: Path) -> Iterator[_Entry]:
    # As a stream: going back in a compressed archive would decompress it anew. Nothing is unpacked.
    with tarfile.open(path, "r|*") as archive:
        for info in archive:
            if info.isfile():
                yield info.name, partial(_held, partial(archive.extractfile, info), info.size)


def _held(opened: Callable[[], IO[bytes] | None], size: int) -> BufferedIOBase:
    """Return a member of an archive in memory, to go back in; of a large one the header is read first."""
    if size > _LARGEST:
        raise DataError(f"It has more than {_LARGEST >> 20:,} MiB.")
    try:
        with cast(IO[bytes], opened()) as stream:
            head = stream.read(_HEAD)
            if size > _HEAD:
                check_header(Beginning(head, size))
            data = io.BytesIO()
            data.write(head)
            shutil.copyfileobj(stream, data)
    except _DAMAGES as error:
        raise DataError(f"It cannot be unpacked: {error}.") from error
    data.seek(0)
    return data


def _is_hidden(name: str) -> bool:
    return any(part.startswith((".", "__MACOSX")) for part in PurePosixPath(name).parts)
