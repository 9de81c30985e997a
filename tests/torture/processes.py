"""Processes that begin at once: forked from one that has imported all they need."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from typing import Any

__all__ = ["KEYS", "context", "keys_in", "last_said", "memory", "start"]

KEYS = "GENWRIGHT_KEYS"


def context() -> ForkServerContext:
    """Return what makes pipes, events and values for these processes."""
    found = multiprocessing.get_context("forkserver")
    found.set_forkserver_preload(["tests.torture.preloaded"])
    return found


def memory() -> str | None:
    """Return where files lie in memory, or None where they cannot."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


@contextmanager
def keys_in(folder: Path) -> Iterator[None]:
    """Have the keys of stores found in another folder, in this process and in those it starts."""
    before = os.environ.get(KEYS)
    os.environ[KEYS] = str(folder)
    try:
        yield
    finally:
        if before is None:
            del os.environ[KEYS]
        else:
            os.environ[KEYS] = before


def start(target: Callable[..., None], *arguments: Any) -> ForkServerProcess:
    """Run a function in a new process, which finds the keys of stores where this one does."""
    process = context().Process(target=_begin, args=(os.environ[KEYS], target, *arguments), daemon=True)
    process.start()
    return process


def last_said(receiver: Connection, default: int) -> int:
    """Return the last number that a process that has ended said through a pipe, or another if it said none."""
    last = default
    with suppress(EOFError):
        while True:
            last = receiver.recv()
    return last


def _begin(keys: str, target: Callable[..., None], *arguments: Any) -> None:
    os.environ[KEYS] = keys
    target(*arguments)
