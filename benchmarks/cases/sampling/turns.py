"""How many things a second are drawn by work that is done in turns: of processor time, or on the clock of a GPU."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial

import torch

from benchmarks.clock import Repeated, interleaved

__all__ = ["Work", "turns", "unit"]

Work = Callable[[], object]


def turns(
    work: Mapping[str, Work], count: int, device: torch.device, *, repetitions: int, warm: bool = True
) -> dict[str, Repeated]:
    """Return how many of `count` things a second each piece of work does, by name.

    On a processor it is a second of the time of this process and its threads; on a GPU, one on the clock.

    warm: whether each is done once before, unmeasured
    """
    seconds = interleaved(work, repetitions=repetitions, clock=partial(_now, device), warm=warm)
    return {name: each.rate(count) for name, each in seconds.items()}


def unit(device: torch.device) -> str:
    """Return what `turns` counts by."""
    return "/s" if device.type == "cuda" else "/CPU-s"


def _now(device: torch.device) -> float:
    """Return the time by which all that was asked of a device is done: of the processor, or on the clock."""
    if device.type == "cpu":
        return time.process_time()
    torch.cuda.synchronize()
    return time.perf_counter()
