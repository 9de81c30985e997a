"""How many things a second are drawn by work that is done in turns: of processor time, or on the clock of a GPU."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import torch

from benchmarks.clock import Repeated

__all__ = ["Work", "turns", "unit"]

Work = Callable[[], object]


def turns(
    work: Mapping[str, Work], count: int, device: torch.device, *, repetitions: int, warm: bool = True
) -> dict[str, Repeated]:
    """Return how many of `count` things a second each piece of work does, by name.

    On a processor it is a second of the time of this process and its threads; on a GPU, one on the clock.

    warm: whether each is done once before, unmeasured
    """
    found: dict[str, list[float]] = {name: [] for name in work}
    for turn in range(repetitions + warm):
        for name, each in work.items():
            taken = _seconds(each, device)
            if turn or not warm:
                found[name].append(count / taken)
    return {name: Repeated(tuple(values)) for name, values in found.items()}


def unit(device: torch.device) -> str:
    """Return what `turns` counts by."""
    return "/s" if device.type == "cuda" else "/CPU-s"


def _seconds(work: Work, device: torch.device) -> float:
    clock = time.perf_counter if device.type == "cuda" else time.process_time
    start = clock()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return clock() - start
