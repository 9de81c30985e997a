"""Each system call by which one ingest writes fails in turn, as a disk that is broken or full has them fail.

strace makes the call fail without doing it. The writer tries again what failed, with the store that it has open, as a
patient caller would. It shows that no failure that is reported leads to loss; a system that reports a failed sync once,
and forgets what it could not write, loses more than this shows.
"""

from __future__ import annotations

import ctypes
import random
import shutil
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from functools import partial
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from typing import Any

from genwright.errors import GenwrightError
from genwright.run import Run
from genwright.store import open_store
from tests.torture.aftermath import NOTHING, aftermath, no_losses
from tests.torture.calls import need_strace, read_calls, traced
from tests.torture.processes import context
from tests.torture.tally import Tally
from tests.torture.workload import batches, seeded_run

__all__ = ["CALLS", "torture"]

# Not closing: Linux closes whatever it says of it, and strace would leave it open.
CALLS = ("openat", "write", "pwrite64", "ftruncate", "fsync", "fdatasync", "mkdir", "rename", "link", "unlink")
ERRORS = ("EIO", "ENOSPC")
# A writer that takes longer waits for what will not come.
_BATCHES, _TRIES, _PATIENCE = 6, 3, 120.0


def torture(rounds: int, seed: int, folder: Path) -> Tally:
    """Have each call fail with each error, or so many of them that are spread evenly."""
    need_strace()
    run = seeded_run(random.Random(seed))
    made = _made(folder / "counted", run)
    points = [(name, number + 1, error) for name in CALLS for number in range(made[name]) for error in ERRORS]
    chosen = points[:: max(1, len(points) // rounds)]
    total = Tally(rounds=0, acknowledged=0, losses=no_losses("stuck", "unexplained"))
    for name, number, error in chosen:
        place = folder / f"{name}-{number}-{error}"
        total += _failed(place, run, ["-e", f"inject={name}:error={error}:when={number}"])
        shutil.rmtree(place)
    counts = ", ".join(f"{made[name]} {name}" for name in CALLS if made[name])
    return total + Tally(rounds=0, acknowledged=0, losses={}, remarks=(f"one ingest makes {counts}",))


def _made(place: Path, run: Run) -> Counter[str]:
    """Return how often an ingest makes each call, those included that fail by themselves."""
    tally = _failed(place, run, [])
    assert tally.is_clean, tally
    return Counter(call.name for call in read_calls(place / "calls", failed=True))


def _failed(place: Path, run: Run, injection: list[str]) -> Tally:
    """Return what was lost by an ingest, a call of which failed."""
    place.mkdir()
    # Shared memory is written without a call, so that none is counted for it.
    count: Synchronized[int] = context().Value(ctypes.c_long, NOTHING)
    url = f"sqlite:///{place / 'store'}"
    options = ["-e", f"trace={','.join(CALLS)}", "-e", "signal=none", "-o", str(place / "calls"), *injection]
    with traced(options, _write, url, run, count.get_obj()) as process:
        process.join(_PATIENCE)
        process.kill()
        process.join()
        unexplained = Counter(unexplained=int(process.exitcode != 0))
    losses = no_losses("stuck", "unexplained")
    losses.update(aftermath(url, [(run, count.value)], onward=True))
    losses.update(unexplained)
    return Tally(rounds=1, acknowledged=max(count.value, 0), losses=losses)


def _write(url: str, run: Run, count: Any) -> None:
    """Write a run, trying again what failed with an error of ours; end with an error at any other."""
    store = _tried(lambda: open_store(url))
    with closing(store):
        _tried(lambda: store.put_run(run))
        count.value = 0
        for batch, _ in zip(batches(run), range(_BATCHES), strict=False):
            _tried(partial(store.put_samples, batch))
            count.value = batch[-1].index + 1
        _tried(lambda: store.finish_run(run.id, "finished"))


def _tried(act: Callable[[], Any]) -> Any:
    for _ in range(_TRIES - 1):
        try:
            return act()
        except GenwrightError:
            continue
    return act()
