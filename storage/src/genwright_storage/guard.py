"""Keeps the processes that write to one SQLite file apart, where SQLite itself does not do so well enough.

Up to SQLite 3.51.2, a process that empties the write-ahead log at the very moment at which another writes can damage
the file. Both happen while a transaction is committed or a connection closed: one lock around these keeps them apart.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import final

__all__ = ["SAFE", "Guard", "locked"]

SAFE = (3, 51, 3)
"""From this version on, SQLite needs no guard."""

_PAUSE = 0.002


@final
class Guard:
    """A lock of the system on a file beside the database; with a newer SQLite it does nothing."""

    def __init__(self, path: Path, *, version: tuple[int, ...] = sqlite3.sqlite_version_info) -> None:
        self._path = Path(f"{path}.lock")
        self._is_needed = version < SAFE
        # One lock of the system is of the whole process: its threads take turns by one of their own.
        self._threads = threading.RLock()
        self._handle: int | None = None
        self._process = 0
        self._depth = 0

    @contextmanager
    def held(self, patience: float) -> Iterator[None]:
        """Hold the lock. Raises sqlite3.OperationalError, as SQLite itself does, if another holds it for too long.

        patience: seconds to wait
        """
        if not self._is_needed:
            yield
            return
        until = time.monotonic() + patience
        if not self._threads.acquire(timeout=patience):
            raise _busy()
        try:
            self._enter(until)
            try:
                yield
            finally:
                self._leave()
        finally:
            self._threads.release()

    def _enter(self, until: float) -> None:
        self._depth += 1
        if self._depth > 1:
            return
        try:
            if self._handle is None or self._process != os.getpid():
                # A lock is of the file as it was opened, which a forked process shares with its parent.
                self._process = os.getpid()
                self._handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            if not locked(self._handle, until):
                raise _busy()
        except BaseException:
            self._depth -= 1
            raise

    def _leave(self) -> None:
        self._depth -= 1
        if not self._depth and self._handle is not None:
            fcntl.flock(self._handle, fcntl.LOCK_UN)


def locked(handle: int, until: float) -> bool:
    """Lock an open file or folder; return False if another process holds it until that time of the monotonic clock."""
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                return False
            time.sleep(_PAUSE)
        else:
            return True


def _busy() -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("another process holds the lock of this store")
    error.sqlite_errorcode = sqlite3.SQLITE_BUSY
    return error
