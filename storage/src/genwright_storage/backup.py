"""Copies a store as it is at one moment, to a file that is a store of its own."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import select

from genwright.errors import DataError, UsageError
from genwright.files import flush
from genwright_storage.blobs import Blobs
from genwright_storage.errors import translated
from genwright_storage.sqlite import SQLiteDatabase
from genwright_storage.tables import sample

if TYPE_CHECKING:
    from genwright_storage.store import SQLStore

__all__ = ["write_backup"]


_OUT = (sample.c.payload.is_(None), sample.c.erased_seq.is_(None))


def write_backup(store: SQLStore, file: Path) -> int:
    """Write a copy of a store to a new file, with its large payloads in FILE.blobs, and return its size in bytes.

    The payloads come after the rows, which name no later ones; one whose sample is erased meanwhile is left out. The
    copy appears whole or not at all.

    Raises DataError if the file or that folder exists, UsageError for a store that is no file, StoreError if the store
    cannot be read or the copy not be written.
    """
    if not isinstance(store.database, SQLiteDatabase):
        raise UsageError(
            f"a store in SQLite is copied to a file; this one is {store.url}. Copy a database with: pg_dump."
        )
    folder = file.with_name(f"{file.name}.blobs")
    for path in (file, folder):
        if os.path.lexists(path):
            raise DataError(f"a backup is written to a new file; {path} is there. Name another.")
    store.database.require("viewer")
    part, blobs = (path.with_name(f"{path.name}.part") for path in (file, folder))
    try:
        with translated(str(file)):
            _clear(part, blobs)
            store.database.copy(part)
            flush(part)
            size = part.stat().st_size + _copy_blobs(store, part, blobs)
            _reveal(part, file, blobs, folder)
    finally:
        with suppress(OSError):
            _clear(part, blobs)
    return size


def _clear(part: Path, blobs: Path) -> None:
    part.unlink(missing_ok=True)
    if blobs.exists():
        shutil.rmtree(blobs)


def _reveal(part: Path, file: Path, blobs: Path, folder: Path) -> None:
    """Give what was written its names, the file last."""
    has_blobs = blobs.exists()
    if has_blobs:
        os.rename(blobs, folder)
    try:
        os.link(part, file)
    except OSError:
        if has_blobs:
            os.rename(folder, blobs)
        raise
    flush(file.parent)


def _copy_blobs(store: SQLStore, copy: Path, folder: Path) -> int:
    """Copy the files that the rows of a copy name, and return how many bytes they have."""
    target, size = Blobs(folder), 0
    named = select(sample.c.digest).where(*_OUT).distinct()
    with closing(sqlite3.connect(copy)) as rows:
        for (digest,) in rows.execute(str(named)):
            try:
                data = store.blobs.get(digest)
            except FileNotFoundError:
                if _is_named(store, digest):
                    raise
                continue
            target.put({digest: data})
            size += len(data)
    return size


def _is_named(store: SQLStore, digest: bytes) -> bool:
    """Whether a sample that was not erased has its payload in the file of a digest."""
    with store.database.reading() as connection:
        return connection.execute(select(sample.c.id).where(*_OUT, sample.c.digest == digest)).first() is not None
