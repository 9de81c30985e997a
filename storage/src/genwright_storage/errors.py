"""What a database refuses, in the words of Genwright."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError

from genwright.errors import ForeignStore, StorageFull, StoreError, StoreLocked, StoreReadOnly

__all__ = ["foreign", "read_only", "translated"]


@contextmanager
def translated(url: str) -> Iterator[None]:
    """Raise what the database or the file system refuses inside as a StoreError that says what to do."""
    try:
        yield
    except DBAPIError as error:
        raise _refusal(url, error.orig or error) from error
    except (sqlite3.Error, OSError) as error:
        raise _refusal(url, error) from error


def foreign(url: str, found: str) -> ForeignStore:
    """Return the error for a file that must be left alone."""
    return ForeignStore(f"{url} should be a Genwright store; {found}. It was left as it is: name another file.")


def read_only(url: str) -> StoreError:
    """Return the error for a store that cannot be written."""
    return _refusal(url, OSError(errno.EROFS, ""))


def _refusal(url: str, error: BaseException) -> StoreError:
    code = _code(error)
    if code == sqlite3.SQLITE_NOTADB:
        return foreign(url, "it is no SQLite database")
    kind, trouble, advice = _REFUSALS.get(code, (StoreError, f"it failed: {error}", "Check it: genwright audit verify"))
    return kind(f"the store {url} was asked for; {trouble}. {advice}.")


def _code(error: BaseException) -> int:
    """Return the primary result code of SQLite that says what happened."""
    if isinstance(error, OSError):
        return _ERRNOS.get(error.errno or 0, sqlite3.SQLITE_IOERR)
    return int(getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)) & 0xFF


_ERRNOS = {
    errno.ENOSPC: sqlite3.SQLITE_FULL,
    errno.EDQUOT: sqlite3.SQLITE_FULL,
    errno.EFBIG: sqlite3.SQLITE_FULL,
    errno.EACCES: sqlite3.SQLITE_READONLY,
    errno.EPERM: sqlite3.SQLITE_READONLY,
    errno.EROFS: sqlite3.SQLITE_READONLY,
}
_LOCKED = (
    StoreLocked,
    "another process is writing to it and did not finish in time",
    "Wait for that process and repeat; what was acknowledged is safe",
)
_READ_ONLY = (
    StoreReadOnly,
    "it can only be read",
    "Change the permissions of the file and its folder, or name another with --store or GENWRIGHT_STORE",
)
_REFUSALS: dict[int, tuple[type[StoreError], str, str]] = {
    sqlite3.SQLITE_BUSY: _LOCKED,
    sqlite3.SQLITE_LOCKED: _LOCKED,
    sqlite3.SQLITE_READONLY: _READ_ONLY,
    sqlite3.SQLITE_PERM: _READ_ONLY,
    # SQLite has rolled the transaction back by itself when it reports this.
    sqlite3.SQLITE_FULL: (
        StorageFull,
        "no space is left to write to it",
        "Free some and repeat; every acknowledged sample is safe",
    ),
    sqlite3.SQLITE_IOERR: (
        StoreError,
        "the system could not read or write its file",
        "Check the disk, quotas and limits on the size of files, then the store: genwright audit verify",
    ),
    sqlite3.SQLITE_CANTOPEN: (
        StoreError,
        "its file cannot be opened",
        "Check that the folder exists and may be written, or name another with --store or GENWRIGHT_STORE",
    ),
    sqlite3.SQLITE_CORRUPT: (
        StoreError,
        "its file is damaged",
        "Restore a backup, or name what is wrong with: genwright audit verify",
    ),
}
