"""Checks the samples of a large store in several processes, each of which has a share of them.

Hashing short rows holds the interpreter's lock, so that threads would not help. Each process is a command of its own:
one that is forked would have this one's connections, and one that is spawned would run its program again.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import asdict
from itertools import pairwise
from typing import Any, final

from sqlalchemy import Connection, func, select

from genwright.errors import StoreError
from genwright.store import Finding, Progress
from genwright_storage import samples
from genwright_storage.database import Database, Reading, database_at
from genwright_storage.inline import Payloads, payloads_at
from genwright_storage.samples import FIRST, Share
from genwright_storage.tables import batch, sample

__all__ = ["check", "divided", "findings"]

# In the half second that a process takes to begin, another checks half as many.
LEAST = 100_000

# A container may have less of a large machine than it sees of it.
_MOST = 8
_PATIENCE = 30.0
_PIECE = 1 << 16
# So many samples on each side of a cut are looked at: a row that was moved there must not take its neighbours with it.
_AROUND = 1_000
_PROGRAM = f"import json, sys; sys.path[:], asked = json.load(sys.stdin); from {__name__} import check; check(asked)"


def divided(database: Database, blobs: Payloads, connection: Connection) -> Sequence[Share]:
    """Return the samples of a store in shares, as many as there are processors if they are large; no batch is cut."""
    last = [connection.execute(select(func.max(table.c.id))).scalar() or 0 for table in (sample, batch)]
    count = min(_processors(), last[0] // LEAST)
    if None in (database.elsewhere, blobs.elsewhere) or not sys.executable or getattr(sys, "frozen", False):
        count = 1
    cuts = {cut for part in range(1, count) if (cut := _cut(connection, last[0] * part // count))}
    ends = [(FIRST - 1, FIRST - 1), *sorted(cuts), (last[0], last[1])]
    return [
        Share(first_sample=start[0] + 1, last_sample=end[0], first_batch=start[1] + 1, last_batch=end[1])
        for start, end in pairwise(ends)
    ]


def findings(
    database: Database, reading: Reading, blobs: Payloads, shares: Sequence[Share], progress: Progress
) -> Generator[Finding]:
    """Yield what is wrong with samples; of several shares, which are checked at once, as it is found.

    progress: called now and then with how many samples were checked so far

    Raises StoreError for a share that cannot be read to its end, after the others were checked.
    """
    begun: list[_Process] = []
    try:
        if len(shares) > 1:
            begun = _begun(database, blobs, shares)
        if begun:
            yield from _told(begun, progress)
        else:
            yield from _alone(database, reading, blobs, shares, progress)
    finally:
        for process in begun:
            process.end()


def _alone(
    database: Database, reading: Reading, blobs: Payloads, shares: Sequence[Share], progress: Progress
) -> Iterator[Finding]:
    whole = Share(
        first_sample=shares[0].first_sample,
        last_sample=shares[-1].last_sample,
        first_batch=shares[0].first_batch,
        last_batch=shares[-1].last_batch,
    )
    yield from samples.findings(database, reading, blobs, whole, progress)


def _begun(database: Database, blobs: Payloads, shares: Sequence[Share]) -> list[_Process]:
    """Return a process for each share; none at all where the system refuses one."""
    begun: list[_Process] = []
    try:
        for share in shares:
            begun.append(_Process({"url": database.elsewhere, "blobs": blobs.elsewhere, **asdict(share)}))
    except OSError:
        for process in begun:
            process.end()
        return []
    return begun


def _told(begun: Sequence[_Process], progress: Progress) -> Iterator[Finding]:
    """Yield what processes find until all have ended. Raises StoreError for what they could not read."""
    troubles: list[str] = []
    with selectors.DefaultSelector() as selector:
        for process in begun:
            selector.register(process.answers, selectors.EVENT_READ, process)
        while selector.get_map():
            for key, _ in selector.select():
                for kind, *said in key.data.said():
                    if kind == "finding":
                        yield Finding(where=said[0], trouble=said[1])
                    elif kind == "checked":
                        key.data.checked = said[0]
                        progress(sum(process.checked for process in begun))
                    elif kind == "trouble":
                        troubles += said
                if key.data.has_ended:
                    selector.unregister(key.fileobj)
    if troubles:
        raise StoreError("; ".join(troubles))


@final
class _Process:
    """A process that checks a share, and what of its answers is not whole yet.

    Raises OSError where the system has no room for it.
    """

    def __init__(self, asked: Mapping[str, Any]) -> None:
        # Answers have a pipe of their own, since whatever is imported there may print. What is asked is no argument:
        # those are for all to read.
        reads, writes = os.pipe()
        self.answers = os.fdopen(reads, "rb", buffering=0)
        try:
            self._process = _started(writes)
        except OSError:
            self.answers.close()
            raise
        finally:
            os.close(writes)
        assert self._process.stdin is not None
        path = [entry for entry in sys.path if isinstance(entry, str)]
        # One that has ended by now has said nothing, which is seen when it is listened to.
        with suppress(BrokenPipeError), self._process.stdin as stdin:
            stdin.write(json.dumps([path, {"answers": writes, **asked}]).encode())
        self.has_ended, self.checked = False, 0
        self._rest, self._is_done = b"", False

    def said(self) -> Iterator[tuple[Any, ...]]:
        """Yield what it has said since the last time; that it ended before it was done is a trouble."""
        piece = self.answers.read(_PIECE)
        *lines, self._rest = (self._rest + piece).split(b"\n")
        for kind, *said in map(json.loads, lines):
            self._is_done = self._is_done or kind in ("done", "trouble")
            yield kind, *said
        if not piece:
            self.has_ended = True
            if not self._is_done:
                yield (
                    "trouble",
                    f"a process that checks a share of the samples ended early, with {self._process.wait()}",
                )

    def end(self) -> None:
        """End it, if it has not ended."""
        self._process.kill()
        self._process.wait()
        self.answers.close()


def _started(writes: int) -> subprocess.Popen[bytes]:
    """Return a process that waits to be told what to check, and what is interrupted is this one alone."""
    # The folder that one stands in is not looked into: a file there could say that all is well.
    command = [sys.executable, "-P", "-c", _PROGRAM]
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, pass_fds=[writes])
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def check(asked: dict[str, Any]) -> None:
    """Check a share, and write what is to be said of it: what a process is begun for.

    asked: the number of the open file for answers, the URL of the store, that of its large payloads, and the share
    """
    # Where nobody reads on, nobody is to be told.
    with os.fdopen(asked.pop("answers"), "wb", buffering=0) as file, suppress(BrokenPipeError):
        _check(asked, lambda *said: file.write(json.dumps(said).encode() + b"\n"))


def _check(asked: dict[str, Any], say: Callable[..., object]) -> None:
    url, blobs_url = asked.pop("url"), asked.pop("blobs")

    def checked(count: int) -> None:
        say("checked", count)

    try:
        with closing(database_at(url, patience=_PATIENCE)) as database:
            blobs, _ = payloads_at(blobs_url, database.blobs)
            # Whoever verifies was asked for their role before.
            for finding in samples.findings(database, database.seeing, blobs, Share(**asked), checked):
                say("finding", finding.where, finding.trouble)
    except StoreError as error:
        say("trouble", str(error))
    else:
        say("done")


def _processors() -> int:
    """Return how many processors this process may use, and _MOST at most."""
    found = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(found, _MOST)


def _cut(connection: Connection, id: int) -> tuple[int, int] | None:
    """Return the keys with which the batch of a sample ends, its last sample's and its own.

    None at the end of all, and where rows around it lie in other batches than they should.
    """
    key = connection.execute(select(sample.c.batch_id).where(sample.c.id >= id).order_by(sample.c.id).limit(1)).scalar()
    later = select(sample.c.id).where(sample.c.id > id, sample.c.batch_id > key).order_by(sample.c.id).limit(1)
    above = None if key is None else connection.execute(later).scalar()
    if key is None or above is None:
        return None
    around = sample.c.id.between(above - _AROUND, above + _AROUND)
    rows = connection.execute(select(sample.c.id, sample.c.batch_id).where(around))
    return (above - 1, key) if all((row.id < above) == (row.batch_id <= key) for row in rows) else None
