"""Notes the head of a ledger where who can write the store cannot: in a file that grows, or in a git repository."""

from __future__ import annotations

import errno
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from genwright.errors import DataError
from genwright_storage.guard import locked
from genwright_storage.keys import file_name

__all__ = ["note_head", "notes_in"]

_SEPARATOR = "\n\n\n"
_PATIENCE = 30.0
"""Seconds to wait for another process that notes a head at the same place."""


def note_head(place: Path, note: str) -> Path:
    """Append a signed head to a file, or to that of its ledger in a git repository, and commit it; return the file.

    place: a file, which is made if it is not there, or the folder of a work tree

    Raises DataError if it cannot be noted.
    """
    if not place.is_dir():
        _append(place, note)
        return place
    origin, size, *_ = note.split("\n")
    file = place / f"{file_name(origin)}.heads"
    _git(place, "rev-parse", "--is-inside-work-tree")
    # git itself refuses to work for two at once.
    with _opened(place, os.O_RDONLY):
        _append(file, note)
        _git(place, "add", "--", file.name)
        _git(place, "commit", "--quiet", "--message", f"The head of {size} entries", "--", file.name)
    return file


def notes_in(text: str) -> list[str]:
    """Return the notes of a text in which two empty lines stand after each; without any, the text itself."""
    return [note.strip("\n") + "\n" for note in text.split(_SEPARATOR) if note.strip()] or [text]


def _append(file: Path, note: str) -> None:
    """Add a note, and make it durable."""
    # What cannot be written whole is taken back: nobody else's note may follow a part of it meanwhile.
    with _opened(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND) as handle:
        _write(handle, f"{note}{_SEPARATOR[1:]}".encode())
        os.fsync(handle)


@contextmanager
def _opened(place: Path, how: int) -> Iterator[int]:
    """Open a file or a folder, and keep other processes that note heads from it. Raises DataError if that cannot be."""
    try:
        handle = os.open(place, how, 0o644)
        try:
            if not _is_locked(handle):
                raise OSError(errno.EAGAIN, "another process is noting a head there")
            yield handle
        finally:
            os.close(handle)
    except OSError as error:
        message = f"the head should be noted in {place}; it cannot be written: {error.strerror}. Name another place."
        raise DataError(message) from error


def _is_locked(handle: int) -> bool:
    try:
        return locked(handle, time.monotonic() + _PATIENCE)
    except OSError as error:
        # Some file systems have no locks; a note is written there as well as it can be.
        if error.errno in (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP):
            return True
        raise


def _write(handle: int, data: bytes) -> None:
    """Write to the end of a file, all or nothing: half a note would make the next one unreadable."""
    start = os.lseek(handle, 0, os.SEEK_END)
    try:
        while data:
            data = data[os.write(handle, data) :]
    except BaseException:
        os.ftruncate(handle, start)
        raise


def _git(folder: Path, *arguments: str) -> None:
    try:
        done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True)
    except FileNotFoundError as error:
        raise DataError(
            f"{folder} is a folder, so the head is committed there; git is not installed. Name a file."
        ) from error
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["it failed"]
        raise DataError(
            f"the head is committed to the git repository at {folder}; git {arguments[0]} said: {said[0]}. "
            "Mend that, or name a file."
        )
