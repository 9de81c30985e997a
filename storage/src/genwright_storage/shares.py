"""Checks the samples of a large store in several processes, each of which has a share of them.

Hashing short rows holds the interpreter's lock, so that threads would not help. Each process is a command of its own:
one that is forked would have this one's connections, and one that is spawned would run its program again.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict
from itertools import pairwise
from queue import Queue
from threading import Thread
from typing import Any

from sqlalchemy import Connection, func, select

from genwright.errors import StoreError
from genwright.folders import blobs_url, read_only
from genwright.store import Finding, Progress
from genwright_storage import samples
from genwright_storage.database import Database, Reading, database_at
from genwright_storage.errors import translated
from genwright_storage.inline import Payloads, payloads_at
from genwright_storage.samples import BEFORE_ALL, Share
from genwright_storage.tables import batch, sample

__all__ = ["divided", "findings"]

# In the half second that a process takes to begin, another checks half as many.
LEAST = 100_000
_PATIENCE = 30.0
# So many lines of processes wait at most to be read.
_AHEAD = 1_000


def divided(database: Database, connection: Connection) -> Sequence[Share]:
    """Return the samples of a store in shares, as many as there are processors if they are large; no batch is cut."""
    last = [connection.execute(select(func.max(table.c.id))).scalar() or 0 for table in (sample, batch)]
    count = min(_processors(), last[0] // LEAST) if database.is_divisible and sys.executable else 1
    cuts = [_cut(connection, last[0] * part // count) for part in range(1, count)]
    ends = [(BEFORE_ALL, BEFORE_ALL), *sorted({cut for cut in cuts if cut}), (last[0], last[1])]
    return [
        Share(after_sample=start[0], last_sample=end[0], after_batch=start[1], last_batch=end[1])
        for start, end in pairwise(ends)
    ]


def findings(
    database: Database, reading: Reading, blobs: Payloads, shares: Sequence[Share], progress: Progress
) -> Iterator[Finding]:
    """Yield what is wrong with samples; of several shares, which are checked at once, as it is found.

    progress: called now and then with how many samples were checked so far

    Raises StoreError for what cannot be read to its end.
    """
    if len(shares) == 1:
        yield from samples.findings(database, reading, blobs, shares[0], progress)
        return
    checked = dict.fromkeys(shares, 0)
    for share, said in _said(database.url, shares):
        if isinstance(said, str):
            raise StoreError(said)
        if isinstance(said, dict):
            yield Finding(**said)
        else:
            checked[share] = said
            progress(sum(checked.values()))


def _said(url: str, shares: Sequence[Share]) -> Iterator[tuple[Share, Any]]:
    """Yield what processes say of their shares: how many samples are checked, a finding, or why one cannot go on."""
    lines: Queue[tuple[Share, str | None]] = Queue(_AHEAD)
    running: list[subprocess.Popen[str]] = []
    try:
        for share in shares:
            with translated(url):
                running.append(_begun(url, share))
            Thread(target=_listen, args=(running[-1], share, lines), daemon=True).start()
        ended = 0
        while ended < len(running):
            share, line = lines.get()
            if line is None:
                ended += 1
            else:
                yield share, json.loads(line)
    finally:
        for process in running:
            process.kill()
        # Who listens must not wait for room in the queue for ever.
        while ended < len(running):
            ended += lines.get()[1] is None


def _begun(url: str, share: Share) -> subprocess.Popen[str]:
    """Return a process that checks a share."""
    path = os.pathsep.join(filter(None, sys.path))
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", __name__],
        env={**os.environ, "PYTHONPATH": path, "PYTHONIOENCODING": "utf-8"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )
    assert process.stdin is not None
    with process.stdin:
        json.dump({"url": url, **asdict(share)}, process.stdin)
    return process


def _listen(process: subprocess.Popen[str], share: Share, lines: Queue[tuple[Share, str | None]]) -> None:
    """Pass on the lines of a process; None says that it ended."""
    assert process.stdout is not None
    with process.stdout:
        for line in process.stdout:
            if line.endswith("\n"):
                lines.put((share, line))
    if code := process.wait():
        told = f"a process should check samples {share.after_sample + 1} to {share.last_sample}; it ended with {code}"
        lines.put((share, json.dumps(f"{told}. Verify again.")))
    lines.put((share, None))


def _check() -> None:
    """Check the share that standard input names, and print what is to be said of it."""
    asked = json.load(sys.stdin)
    url = asked.pop("url")
    try:
        with closing(database_at(read_only(url), patience=_PATIENCE)) as database:
            blobs, _ = payloads_at(blobs_url(url), database.blobs)
            # Whoever verifies was asked for their role before.
            for finding in samples.findings(database, database.seeing, blobs, Share(**asked), _print):
                _print(asdict(finding))
    except StoreError as error:
        _print(str(error))


def _print(said: Any) -> None:
    print(json.dumps(said), flush=True)


def _processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _cut(connection: Connection, id: int) -> tuple[int, int] | None:
    """Return the keys with which the batch of a sample ends, its last sample's and its own; None at the end of all."""
    key = connection.execute(select(sample.c.batch_id).where(sample.c.id >= id).order_by(sample.c.id).limit(1)).scalar()
    later = select(sample.c.id).where(sample.c.id > id, sample.c.batch_id > key).order_by(sample.c.id).limit(1)
    above = None if key is None else connection.execute(later).scalar()
    return None if key is None or above is None else (above - 1, key)


if __name__ == "__main__":
    _check()
