"""A disk that is full at every step of 64 KiB: a file system in memory of that size, filled until it refuses."""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from genwright.errors import StorageFull
from genwright.run import Run
from genwright.store import open_store
from tests.torture.aftermath import NOTHING, aftermath, losses, no_losses
from tests.torture.tally import Tally
from tests.torture.workload import batches, seeded_run

__all__ = ["STEP", "torture"]

STEP = 64 * 1024
# What is freed before the store is opened again.
_FREED = 4 * 2**20


def torture(rounds: int, seed: int, folder: Path) -> Tally:
    """Fill disks of one step, two steps and so on."""
    chance, total = random.Random(seed), Tally(rounds=0, acknowledged=0, losses=no_losses("stuck", "unexplained"))
    for step in range(1, rounds + 1):
        # Each is mounted at a place of its own: SQLite knows files by their number, which repeat on new disks.
        with _disk(folder / f"disk-{step}", step * STEP) as disk:
            total += _filled(disk, step * STEP, seeded_run(chance))
    return total


def _filled(disk: Path, size: int, run: Run) -> Tally:
    url, count, found = f"sqlite:///{disk / 'store'}", NOTHING, no_losses("stuck", "unexplained")
    try:
        with closing(open_store(url)) as store:
            try:
                store.put_run(run)
                count = 0
                for batch in batches(run):
                    store.put_samples(batch)
                    count = batch[-1].index + 1
            finally:
                # It is still full: whoever has the store open reads on.
                found.update(losses(store, [(run, count)]) if count != NOTHING else {})
    except StorageFull:
        pass
    except Exception as error:
        found.update(unexplained=1)
        print(f"{type(error).__name__} on a disk of {size}: {error}")
    _mount(disk, size + _FREED, "remount")
    found.update(aftermath(url, [(run, count)], onward=True))
    return Tally(rounds=1, acknowledged=max(count, 0), losses=found)


@contextlib.contextmanager
def _disk(place: Path, size: int) -> Iterator[Path]:
    """Give a file system of its own with so many bytes; skips the test where none can be mounted."""
    if os.geteuid() != 0:
        pytest.skip("a small disk is mounted by root alone")
    place.mkdir(exist_ok=True)
    _mount(place, size)
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


def _mount(place: Path, size: int, *options: str) -> None:
    choice = ",".join([f"size={size}", "mode=0700", *options])
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", choice, "tmpfs", place], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"no small disk can be mounted here: {done.stderr.strip()}")
