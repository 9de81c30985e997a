"""Whether memory stays the same however many molecules are streamed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.row import Row, at_most
from benchmarks.setting import Setting

__all__ = ["TESTS", "growth", "rows"]

TESTS = ("tests/core/test_generation.py", "tests/core/test_recording.py", "tests/storage")

_MARKS = 20
_MEGABYTE = 2**20

_PROGRAM = """
import os, sys
import genwright as gw
model, count, store, marks = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
drawn = 0
for batch in gw.stream(model, count, seed=7, store=store, batch_size=count // marks):
    drawn += len(batch)
    pages = int(open("/proc/self/statm").read().split()[1])
    print(drawn, pages * os.sysconf("SC_PAGE_SIZE"), flush=True)
"""


def rows(setting: Setting) -> Iterator[Row]:
    """Yield the growth of a process that streams and records molecules."""
    count = setting.scaled(100_000, 10_000)
    name = f"growth of resident memory over the second half of {count:,} molecules, recorded"
    if not Path("/proc/self/statm").exists():
        yield Row(section="memory", name=name, value=None, unit="MiB", note="read from /proc, which only Linux has.")
        return
    sizes = _sizes(setting, count)
    yield Row(
        section="memory",
        name=name,
        value=growth([size for _, size in sizes]),
        unit="MiB",
        # A quick run ends before what is kept for speed has filled up.
        target=None if setting.quick else at_most(8.0),
        note=f"MiB after each {count // _MARKS:,}: {' '.join(f'{size:.0f}' for _, size in sizes)}.",
    )


def growth(sizes: Sequence[float]) -> float:
    """Return how much the mean of the last quarter is above that of the quarter before.

    What is kept for speed, such as the answers of a grammar, fills up in the first half.
    """
    quarter = len(sizes) // 4
    return (sum(sizes[-quarter:]) - sum(sizes[-2 * quarter : -quarter])) / quarter


def _sizes(setting: Setting, count: int) -> list[tuple[int, float]]:
    store = f"sqlite:///{setting.scratch / 'memory.sqlite'}"
    call = [sys.executable, "-c", _PROGRAM, setting.model, str(count), store, str(_MARKS)]
    done = subprocess.run(call, env=dict(os.environ), capture_output=True, text=True, check=True)
    lines = [line.split() for line in done.stdout.splitlines()]
    return [(int(drawn), int(size) / _MEGABYTE) for drawn, size in lines]
