"""Copies a store as it is at one moment, to a file that is a store of its own."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import select

from genwright.errors import DataError, UsageError
from genwright_storage.blobs import Blobs
from genwright_storage.durable import flush
from genwright_storage.errors import translated
from genwright_storage.sqlite import SQLiteDatabase
from genwright_storage.tables import sample

if TYPE_CHECKING:
    from genwright_storage.store import SQLStore

__all__ = ["write_backup"]


def write_backup(store: SQLStore, file: Path) -> int:
    """Write a copy of a store to a new file, with its large payloads in FILE.blobs, and return its size in bytes.

    The payloads come after the rows, which name no later ones. The copy appears whole or not at all.

    Raises DataError if the file exists, UsageError for a store that is no file, StoreError if the store cannot be read
    or the copy not be written.
    """
    if not isinstance(store.database, SQLiteDatabase):
        raise UsageError(
            f"a store in SQLite is copied to a file; this one is {store.url}. Copy a database with: pg_dump."
        )
    if os.path.lexists(file):
        raise DataError(f"a backup is written to a new file; {file} is there. Name another.")
    part = file.with_name(f"{file.name}.part")
    try:
        with translated(str(file)):
            part.unlink(missing_ok=True)
            store.database.copy(part)
            flush(part)
            size = part.stat().st_size + _copy_blobs(store, part, Path(f"{file}.blobs"))
            os.link(part, file)
            flush(file.parent)
    finally:
        with suppress(OSError):
            part.unlink()
    return size


def _copy_blobs(store: SQLStore, copy: Path, folder: Path) -> int:
    """Copy the files that the rows of a copy name, and return how many bytes they have."""
    target, size = Blobs(folder), 0
    named = select(sample.c.digest).where(sample.c.payload.is_(None), sample.c.erased_seq.is_(None)).distinct()
    with closing(sqlite3.connect(copy)) as rows:
        for (digest,) in rows.execute(str(named)):
            data = store.blobs.get(digest)
            target.put({digest: data})
            size += len(data)
    return size
