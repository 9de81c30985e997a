"""What a store takes: memory, no more of it for ten times the samples, disk, and time to import."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmarks.cases.store import ingest
from benchmarks.clock import Repeated
from benchmarks.row import Row, at_most
from benchmarks.setting import Setting
from benchmarks.stored import BATCH, filled, weighed

__all__ = ["TESTS", "rows"]

TESTS = ingest.TESTS
_SECTION = "memory"
_IMPORT = """
import time
start, before = time.perf_counter(), time.process_time()
import genwright_storage.store
print(time.perf_counter() - start, time.process_time() - before)
"""
_SAID = {
    "fill": f"`put_samples`, {BATCH:,} records a call",
    "verify": "`verify`",
    "read": "`samples()`",
}


def rows(setting: Setting) -> Iterator[Row]:
    """Yield by how much the peak of memory grows, then bytes a row, and seconds of the import."""
    sizes = [share * setting.rows for share in (1, 5, 10)]
    for action in _SAID:
        yield _growth(action, {count: _peaks(setting, action, count) for count in sizes}, setting)
    yield _size(setting, sizes[-1])
    yield _import(setting)


def _peaks(setting: Setting, action: str, count: int) -> Repeated:
    """Return the peak in MiB of three processes, or of the one that made the store."""
    url, made = filled(setting.scratch, count)
    if action in made:
        return Repeated((made[action],))
    return Repeated(tuple(weighed(action, url, count) for _ in range(setting.scaled(3, 3))))


def _growth(action: str, peaks: Mapping[int, Repeated], setting: Setting) -> Row:
    *_, (few, small), (many, large) = peaks.items()
    name = f"SQLite, {_SAID[action]}: the peak of memory at {many:,} rows, above that at {few:,}"
    # The cache of a quick run's store has not filled at half of its rows.
    target = None if setting.quick else at_most(8)
    if math.isnan(large.median):
        note = "Read from /proc, which only Linux has."
        return Row(section=_SECTION, name=name, value=None, unit="MiB", target=target, note=note)
    told = ", ".join(f"{peak.median:.0f} MiB at {count:,}" for count, peak in peaks.items())
    return Row(
        section=_SECTION,
        name=name,
        value=large.median - small.median,
        unit="MiB",
        spread=(large.spread[0] - small.spread[1], large.spread[1] - small.spread[0]),
        target=target,
        note=f"Of a process of its own: {told}. SQLite keeps up to 64 MiB of pages, which fewer rows do not fill.",
    )


def _size(setting: Setting, count: int) -> Row:
    url, _ = filled(setting.scratch, count)
    size = Path(url.removeprefix("sqlite:///")).stat().st_size
    return Row(
        section=_SECTION,
        name=f"SQLite, size of a store of {count:,} rows",
        value=size / count,
        unit="bytes a row",
        note="With indexes and evidence; 43 bytes of payload, the same spelling once more, and a key of 27.",
    )


def _import(setting: Setting) -> Row:
    found = []
    for _ in range(setting.scaled(7, 3)):
        done = subprocess.run([sys.executable, "-c", _IMPORT], capture_output=True, text=True, check=True)
        found.append([float(number) for number in done.stdout.split()])
    # The first fills the system's cache of files.
    clock, processor = (Repeated(tuple(numbers)) for numbers in zip(*found[1:], strict=True))
    return Row(
        section=_SECTION,
        name="import of `genwright_storage.store`",
        value=clock.median,
        unit="s",
        spread=clock.spread,
        processor=1e6 * processor.median,
    )
