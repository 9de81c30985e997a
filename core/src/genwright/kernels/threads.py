"""Loops that numba compiles, shared out among as many threads as PyTorch has."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import torch

__all__ = ["shared"]


def shared(some: Callable[[int, int], None], count: int, *, work: int, worth: int) -> None:
    """Do so many parts of some work, on several threads if there is enough of it.

    some:  does the parts from one number on and before another; it should give up the lock of the interpreter
    work:  how much there is in all, in any unit
    worth: how much of it is worth a thread
    """
    threads = max(1, min(torch.get_num_threads(), count, work // worth))
    ends = [count * part // threads for part in range(threads + 1)]
    others = [_pool(os.getpid()).submit(some, *ends[part : part + 2]) for part in range(1, threads)]
    some(*ends[:2])
    for other in others:
        other.result()


@cache
def _pool(process: int) -> ThreadPoolExecutor:
    """Return the threads of a process: a fork has none of its parent's."""
    return ThreadPoolExecutor(thread_name_prefix="genwright-kernels")
