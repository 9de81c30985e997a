"""Spreading one function over many items and several processes."""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from types import ModuleType
from typing import TypeVar

__all__ = ["mapped"]

T = TypeVar("T")
R = TypeVar("R")

# A worker needs about half a second to start, in which one process treats some 1,000 molecules.
_FEWEST_PER_WORKER, _CHUNK = 1_000, 250


def mapped(function: Callable[[T], R], items: Sequence[T], *, workers: int | None = None) -> list[R]:
    """Return the function's result for each item, in order.

    function:  importable by name from its module, or an instance of a class that is
    workers:   processes; None for as many as there are free cores and enough items
    """
    limit = _cores() if workers is None else workers
    limit = min(limit, len(items) // _FEWEST_PER_WORKER)
    if limit <= 1:
        return [function(item) for item in items]
    chunks = [items[start : start + _CHUNK] for start in range(0, len(items), _CHUNK)]
    with ProcessPoolExecutor(limit, mp_context=multiprocessing.get_context("spawn")) as pool:
        with _without_main():
            futures = [pool.submit(_each, function, chunk) for chunk in chunks]
        return [result for future in futures for result in future.result()]


def _each(function: Callable[[T], R], chunk: Sequence[T]) -> list[R]:
    return [function(item) for item in chunk]


def _cores() -> int:
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


@contextmanager
def _without_main() -> Iterator[None]:
    """Hide the running script from workers started inside.

    A spawned process imports the script that started it, which would run a script without a `__main__` guard once more
    in every worker. Our functions live in importable modules, so workers can do without.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
