"""How long calls take that are too short to be timed one by one: on a processor or on a GPU, in turns."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import torch
from torch import Tensor

from benchmarks.clock import Repeated
from genwright.captured import recorded

__all__ = ["timed"]

Work = Callable[[], object]

_ROUNDS = 7
# The second cache of a GPU holds less; what is overwritten before a call has to be read again.
_CACHE = 256 << 20
# Which takes about so many seconds.
_APART = 1e-4


def timed(
    work: Mapping[str, Work], device: torch.device, *, seconds: float = 0.2, rounds: int = _ROUNDS, warm: bool = False
) -> dict[str, Repeated]:
    """Return the seconds that one call of each piece of work takes, by name; each has been called before.

    On a processor it is the time of this process's threads. On a GPU it is the GPU's own, a call having been recorded
    once as a graph if nothing in it waits, so that how long Python needs to launch it does not count; and nothing is in
    its caches when a call begins, unless they are to be warm.

    seconds: about how long each is called altogether; what takes longer is still called once a round
    """
    if device.type == "cuda":
        work = {name: _recorded(each) for name, each in work.items()}
    apart = _APART if device.type == "cuda" and not warm else 0.0
    counts = {name: _count(each, device, seconds / rounds, apart) for name, each in work.items()}
    found: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(rounds):
        for name, each in work.items():
            found[name].append(_once(each, device, counts[name], warm))
    return {name: Repeated(tuple(values)) for name, values in found.items()}


def _count(each: Work, device: torch.device, seconds: float, apart: float) -> int:
    taken = _once(each, device, 1, True) + apart
    return max(1, min(2_000, int(seconds / max(taken, 1e-7))))


def _once(each: Work, device: torch.device, count: int, warm: bool) -> float:
    """Return the seconds of one of several calls."""
    if device.type == "cuda":
        return _on_gpu(each, count, warm)
    start = time.process_time()
    for _ in range(count):
        each()
    return (time.process_time() - start) / count


def _on_gpu(each: Work, count: int, warm: bool) -> float:
    made: Any = torch.cuda.Event
    events = [[made(enable_timing=True) for _ in range(2)] for _ in range(count)]
    for before, after in events:
        if not warm:
            _overwritten().zero_()
        before.record()
        each()
        after.record()
    torch.cuda.synchronize()
    taken: float = sum(before.elapsed_time(after) for before, after in events)
    return taken / 1000 / count


def _recorded(each: Work) -> Work:
    """Return what does the same in one launch, or the same if it cannot be recorded."""
    # What it loads when it is first called cannot be.
    each()

    def recorded_too(place: Tensor) -> Tensor:
        each()
        return place

    try:
        return recorded(recorded_too, (torch.zeros(1, device="cuda"),)).replay
    except RuntimeError:
        torch.cuda.synchronize()
        return each


@cache
def _overwritten() -> Tensor:
    return torch.empty(_CACHE, dtype=torch.uint8, device="cuda")
