"""Whether samples are the same, bit for bit, however many are asked for at once and on one thread or two."""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import torch

from benchmarks import shipped
from benchmarks.cases.kernels.machine import usual_device
from benchmarks.cases.sampling.drawn import generation
from benchmarks.row import Row, at_least
from benchmarks.setting import Setting
from genwright.generation import Generation
from genwright.rows import TILE

__all__ = ["TESTS", "rows"]

TESTS = ("tests/core/test_generation.py", "tests/benchmarks/cases/sampling")

_SECTION = "replay"
_MODELS = (
    "molecules/druglike",
    "images/fashion",
    "images/fashion-student",
    "images/fashion-gan",
    "images/fashion-pixels",
    "images/digits",
    "images/emoji",
    "audio/digits",
    "audio/drums",
    "audio/digits-wavenet",
)
_SAMPLES = 1_000
_SIZES = (100, 16, 7, 1)
_QUICK = "molecules/druglike", "images/fashion-student", "images/fashion-gan"
# Unless more is allowed, so many seconds for each model, of which the samples to compare with take up to a third.
_SECONDS = 20.0
_FIRST = 1 / 3


def rows(setting: Setting) -> Iterator[Row]:
    """Yield the share of samples that are the same again, of each model that ships."""
    known = _QUICK if setting.smoke else _MODELS
    names = [name for name in known if setting.model in ("sampling", name)]
    end = time.monotonic() + (_SECONDS * len(names) if setting.until is None else setting.within(float("inf")))
    for place, name in enumerate(names):
        allowed = (end - time.monotonic()) / (len(names) - place)
        yield _row(name, setting, allowed=0.0 if setting.smoke else allowed)


def _row(name: str, setting: Setting, *, allowed: float) -> Row:
    target = None if setting.smoke else at_least(1)
    empty = partial(Row, section=_SECTION, name=f"{name}: samples with the same bits", value=None, target=target)
    device = usual_device()
    try:
        one, two = (generation(name, setting, device, rows=TILE, threads=count) for count in (1, 2))
    except shipped.Missing as missing:
        return empty(note=str(missing))
    first, seconds = _timed(one, range(TILE))
    if not setting.smoke and seconds * (len(_SIZES) + 3) > 2 * allowed:
        return empty(note=f"{TILE} samples take {seconds:.0f} s, of {allowed:.0f} s allowed for all.")
    count = max(TILE, min(_SAMPLES, int(allowed * _FIRST / seconds * TILE)))
    expected, seconds = _timed(one, range(count))
    end = time.monotonic() + allowed - seconds
    found = {"beside others": (sum(a == b for a, b in zip(first, expected, strict=False)), TILE)}
    plans = [("two threads", two, 100), *((f"{size} at once", one, size) for size in _SIZES)]
    for place, (kind, made, size) in enumerate(plans):
        share = (end - time.monotonic()) / (len(plans) - place)
        found[kind] = _same(partial(_digests, made), expected, size, share)
    return _told(empty(), count, found)


def _told(row: Row, count: int, found: dict[str, tuple[int, int]]) -> Row:
    same, compared = (sum(pair[at] for pair in found.values()) for at in (0, 1))
    parts = ", ".join(f"{name} {same:,} of {compared:,}" for name, (same, compared) in found.items())
    return Row(
        section=row.section,
        name=row.name,
        value=same / compared,
        target=row.target,
        note=f"{count:,} samples drawn in one call, rows={TILE}; the same again: {parts}.",
    )


def _same(
    digests: Callable[[Sequence[int]], list[str]], expected: Sequence[str], size: int, seconds: float
) -> tuple[int, int]:
    """Return how many samples are the same in calls of some size, and how many were compared: as many as time allows.

    Calls are in no order, so that few of them are from all over the samples.
    """
    starts = list(range(0, len(expected), size))
    random.Random(0).shuffle(starts)
    end, same, compared = time.monotonic() + seconds, 0, 0
    for start in starts:
        indices = range(start, min(start + size, len(expected)))
        again = digests(indices)
        same += sum(digest == expected[index] for index, digest in zip(indices, again, strict=True))
        compared += len(again)
        if time.monotonic() >= end:
            break
    return same, compared


def _timed(made: Generation[Any], indices: Sequence[int]) -> tuple[list[str], float]:
    start = time.monotonic()
    return _digests(made, indices), time.monotonic() - start


def _digests(made: Generation[Any], indices: Sequence[int]) -> list[str]:
    """Return a digest of each encoded sample."""
    drawn = made.tensors(torch.tensor(indices)).cpu().contiguous()
    return [hashlib.sha256(sample.numpy().tobytes()).hexdigest() for sample in drawn]
