"""What a database refuses, in the words of Genwright."""

from __future__ import annotations

import errno
import functools
import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, TypeVar, final

from sqlalchemy.exc import DBAPIError

from genwright.errors import Forbidden, ForeignStore, StorageFull, StoreError, StoreLocked, StoreReadOnly

__all__ = ["Overtaken", "foreign", "locked", "read_only", "repeated", "translated"]

P = ParamSpec("P")
T = TypeVar("T")

_ATTEMPTS = 8


@final
class Overtaken(StoreLocked):
    """Another process put the same thing at the same moment; what it put is seen by who tries again."""


@contextmanager
def translated(url: str) -> Iterator[None]:
    """Raise what the database or the file system refuses inside as a StoreError that says what to do."""
    try:
        yield
    except DBAPIError as error:
        raise _refusal(url, error.orig or error) from error
    except (sqlite3.Error, OSError) as error:
        raise _refusal(url, error) from error
    except Exception as error:
        # Named rather than imported: a store in a file works without the package.
        if not _is_psycopg(error):
            raise
        raise _refusal(url, error) from error


def repeated(call: Callable[P, T]) -> Callable[P, T]:
    """Return a call that is made again when it was overtaken: two writers that put the same, in PostgreSQL."""

    @functools.wraps(call)
    def again(*arguments: P.args, **options: P.kwargs) -> T:
        for attempt in range(_ATTEMPTS):
            try:
                return call(*arguments, **options)
            except Overtaken:
                time.sleep(random.uniform(0, 0.002 * 2**attempt))
        return call(*arguments, **options)

    return again


def foreign(url: str, found: str) -> ForeignStore:
    """Return the error for a file or a database that must be left alone."""
    kind = "database" if url.startswith("postgresql") else "file"
    return ForeignStore(f"{url} should be a Genwright store; {found}. It was left as it is: name another {kind}.")


def read_only(url: str) -> StoreError:
    """Return the error for a store that cannot be written."""
    if url.startswith("postgresql"):
        return StoreReadOnly(_message(url, *_SERVER_READ_ONLY[1:]))
    return _refusal(url, OSError(errno.EROFS, ""))


def locked(url: str) -> StoreLocked:
    """Return the error for a store that another process keeps."""
    return StoreLocked(_message(url, *_LOCKED[1:]))


def _refusal(url: str, error: BaseException) -> StoreError:
    if _is_psycopg(error):
        return _server_refusal(url, error)
    code = _code(error)
    if code == sqlite3.SQLITE_NOTADB:
        return foreign(url, "it is no SQLite database")
    kind, trouble, advice = _REFUSALS.get(code, (StoreError, f"it failed: {error}", "Check it: genwright audit verify"))
    return kind(_message(url, trouble, advice))


def _message(url: str, trouble: str, advice: str) -> str:
    return f"the store {url} was asked for; {trouble}. {advice}."


def _code(error: BaseException) -> int:
    """Return the primary result code of SQLite that says what happened."""
    if isinstance(error, OSError):
        return _ERRNOS.get(error.errno or 0, sqlite3.SQLITE_IOERR)
    return int(getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)) & 0xFF


def _is_psycopg(error: BaseException) -> bool:
    return type(error).__module__.partition(".")[0] == "psycopg"


def _server_refusal(url: str, error: BaseException) -> StoreError:
    """Return the error for what a server refused, by the code of its answer, or its words where there is none."""
    state, said = str(getattr(error, "sqlstate", None) or ""), _first_line(error)
    if state in _COLLISIONS:
        trouble = "another process put the same thing at the same moment, time and again"
        return Overtaken(_message(url, trouble, "Repeat; what was acknowledged is safe"))
    known = _STATES.get(state) or _STATES.get(state[:2])
    if known is None and not state:
        known = next((found for words, found in _WORDS if words in said), _NO_ANSWER)
    kind, trouble, advice = known or (StoreError, "it failed", "Check it: genwright audit verify")
    return kind(_message(url, f"{trouble} ({said})", advice))


def _first_line(error: BaseException) -> str:
    """Return what the server said, without its surroundings: these may hold values of a row."""
    diagnosed = getattr(getattr(error, "diag", None), "message_primary", None)
    # Of an attempt to connect, the last line is what the last address answered.
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (diagnosed or (lines[-1] if lines else type(error).__name__)).rstrip(".")


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
_FULL = (StorageFull, "no space is left to write to it", "Free some and repeat; every acknowledged sample is safe")
_DAMAGED = "Restore a backup, or name what is wrong with: genwright audit verify"
_REFUSALS: dict[int, tuple[type[StoreError], str, str]] = {
    sqlite3.SQLITE_BUSY: _LOCKED,
    sqlite3.SQLITE_LOCKED: _LOCKED,
    sqlite3.SQLITE_READONLY: _READ_ONLY,
    sqlite3.SQLITE_PERM: _READ_ONLY,
    # SQLite has rolled the transaction back by itself when it reports this.
    sqlite3.SQLITE_FULL: _FULL,
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
    sqlite3.SQLITE_CORRUPT: (StoreError, "its file is damaged", _DAMAGED),
}

_SERVER_READ_ONLY = (
    StoreReadOnly,
    "it can only be read",
    "Use a role that may write, leave out mode=ro, or name the server that is not a copy of another",
)
# What happens where two writers put the same: a key or table that is there now, a deadlock.
_COLLISIONS = {"23505", "40P01", "40001", "42P07"}
_AUTHENTICATION = (
    Forbidden,
    "the server does not let this user in",
    "Check the user and the password: in the URL, in PGPASSWORD, or in the file .pgpass",
)
_NO_ANSWER = (
    StoreError,
    "its server does not answer",
    "Check that it runs, and the host and port; every acknowledged sample is safe",
)
_WENT = (
    StoreError,
    "its server ended the connection",
    "Repeat when it runs again; every acknowledged sample is safe",
)
_NO_DATABASE = (StoreError, "there is no such database", "Make one with: createdb NAME")
# By the five letters of SQLSTATE, or the two of its class.
_STATES: dict[str, tuple[type[StoreError], str, str]] = {
    "08": _WENT,
    "25006": _SERVER_READ_ONLY,
    "25P03": _WENT,
    "28": _AUTHENTICATION,
    "3D000": _NO_DATABASE,
    "42501": (
        Forbidden,
        "the user's role does not allow it",
        "Have an admin of the store grant the role that does; docs/how-to/team-store.md lists them",
    ),
    "53100": _FULL,
    "53": (StoreError, "its server has too little memory or connections", "Close others, or raise its limits"),
    "55P03": _LOCKED,
    "57014": (StoreLocked, "its server cancelled the statement", "Repeat, or raise its statement_timeout"),
    "57": _WENT,
    "58": (StoreError, "its server could not read or write a file", "Check its disk, then: genwright audit verify"),
    "XX001": (StoreError, "its tables are damaged", _DAMAGED),
    "XX002": (StoreError, "its indexes are damaged", _DAMAGED),
}
# Why a connection failed has no code of its own.
_WORDS: tuple[tuple[str, tuple[type[StoreError], str, str]], ...] = (
    ("authentication failed", _AUTHENTICATION),
    ("no password supplied", _AUTHENTICATION),
    ("pg_hba.conf", _AUTHENTICATION),
    ("permission denied for database", _AUTHENTICATION),
    ('" does not exist', _NO_DATABASE),
    ("too many", (StoreError, "its server has too many connections", "Close others, or raise its max_connections")),
    ("terminat", _WENT),
    ("lost", _WENT),
)
