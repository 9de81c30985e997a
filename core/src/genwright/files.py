"""Files and folders that are made whole and durably, or of which nothing is left."""

from __future__ import annotations

import csv
import gzip
import io
import lzma
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import IO, BinaryIO, TypeVar, cast

from genwright.errors import DataError

__all__ = [
    "compressed",
    "csv_line",
    "flush",
    "new_file",
    "new_folder",
    "only",
    "replaced",
    "write_files",
    "write_lines",
]

Item = TypeVar("Item")

_COMPRESSIONS = (".gz", ".xz")


@contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """Open a file that must not exist yet; nothing is left of it on failure. Raises DataError if it cannot be made."""
    with _making(path):
        stream = path.open("xb")
    try:
        with stream:
            yield stream
    except BaseException:
        with suppress(OSError):
            path.unlink()
        raise


@contextmanager
def new_folder(path: Path) -> Iterator[None]:
    """Make a folder that must not exist yet; nothing is left of it on failure. Raises DataError where it cannot be."""
    with _making(path):
        path.mkdir()
    try:
        yield
    except BaseException:
        shutil.rmtree(path, ignore_errors=True)
        raise


@contextmanager
def replaced(path: Path, *, force: bool) -> Iterator[Path]:
    """Give a file or folder to write, of the same name in a folder beside, that takes the place of `path` at the end.

    force: whether a file of that name is replaced; a folder never is

    What fails leaves `path` as it was. Raises DataError if it exists or cannot be made; what fails in between is raised
    as it is.
    """
    _check_free(path, force=force)
    with _writing(path):
        with suppress(FileNotFoundError):
            # Refuses a name that no file can have, which would else come out only at the end.
            path.lstat()
        # In a folder of its own, since formats go by how a file is called, and may name it in their errors.
        folder = Path(tempfile.mkdtemp(prefix=f".{path.name[:40]}-", dir=path.parent))
    try:
        yield folder / path.name
        with _writing(path):
            _make_durable(folder / path.name)
            _check_free(path, force=force)
            os.replace(folder / path.name, path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    with suppress(OSError):
        # Some network file systems refuse this of a folder; the file stands there all the same.
        flush(path.parent)


def flush(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def compressed(raw: BinaryIO, compression: str) -> IO[bytes]:
    """Return a stream that compresses what is written to it, the same each time: by ".gz", ".xz" or "", not at all."""
    if compression == ".gz":
        # Without name and time, equal contents make equal files.
        return cast(IO[bytes], gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0))
    return lzma.LZMAFile(raw, "wb") if compression == ".xz" else raw


def write_files(files: Iterable[tuple[str, bytes]], path: Path) -> None:
    """Write files, each by its name, to a new archive if the path ends in .zip, else to a new folder.

    Equal files make equal archives. They are not compressed: formats of pictures and sounds are.
    """
    if path.suffix.lower() == ".zip":
        with new_file(path) as stream, zipfile.ZipFile(stream, "w") as archive:
            for name, data in files:
                # With a time that is always the same.
                archive.writestr(zipfile.ZipInfo(name), data)
        return
    with new_folder(path):
        for name, data in files:
            (path / name).write_bytes(data)


def only(items: Iterable[Item], path: Path, *, of: str) -> Item:
    """Return the one item that a file of its own is to hold. Raises DataError for none or several.

    of: what an item is called, such as "image"
    """
    found = list(islice(items, 2))
    if len(found) != 1:
        raise DataError(
            f"a {path.suffix.lower()} file holds one {of}; got {'several' if found else 'none'} for {path.name!r}. "
            "Name a folder or a .zip for several."
        )
    return found[0]


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Write lines, each with its end, to a new file in UTF-8, compressed if its name ends in .gz or .xz."""
    compression = path.suffix.lower() if path.suffix.lower() in _COMPRESSIONS else ""
    with (
        path.open("xb") as raw,
        compressed(raw, compression) as stream,
        io.TextIOWrapper(stream, "utf-8", newline="") as text,
    ):
        text.writelines(lines)


def csv_line(values: Iterable[object]) -> str:
    r"""Return a line of a CSV file, which ends in \n."""
    line = io.StringIO()
    # What holds a \r is quoted only where lines end in it too; unquoted, readers take it for the end of a line.
    csv.writer(line, lineterminator="\r\n").writerow(values)
    return f"{line.getvalue()[:-2]}\n"


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:
        # A ValueError has no strerror; it comes of a NUL in the name.
        reason = getattr(error, "strerror", None) or error
        raise DataError(
            f"{path} cannot be written: {reason}. Check the folder, the permissions and the space left."
        ) from error


@contextmanager
def _making(path: Path) -> Iterator[None]:
    with _writing(path):
        try:
            yield
        except FileExistsError as error:
            raise DataError(f"{path} exists already, and nothing is overwritten. Choose another name.") from error


def _check_free(path: Path, *, force: bool) -> None:
    if os.path.isdir(path):
        raise DataError(f"{path} is a folder, and folders are not replaced. Choose another name.")
    if os.path.lexists(path) and not force:
        raise DataError(f"{path} exists already. Choose another name, or have it replaced: --force, or force=True.")


def _make_durable(path: Path) -> None:
    """Wait until a file, or a folder with all in it, is on the disk, so that its name never stands for a part of it."""
    for inner in path.rglob("*") if path.is_dir() else ():
        flush(inner)
    flush(path)
