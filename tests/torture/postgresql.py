"""A PostgreSQL server that is shut down immediately while several processes write to it, and recovers from its log."""

from __future__ import annotations

import contextlib
import random
import time
from contextlib import closing
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from genwright.errors import StoreError, UnknownName
from genwright.registry import registry
from genwright.run import Run
from genwright.store import open_store
from tests.storage.server import Server, running
from tests.torture.aftermath import NOTHING, aftermath, no_losses
from tests.torture.processes import context, last_said, start
from tests.torture.tally import Tally
from tests.torture.workload import batches, seeded_run

__all__ = ["need_store", "torture"]

_WRITERS, _LONGEST = 3, 1.5


def need_store(url: str) -> None:
    """Skip the test where no store is installed that serves a URL."""
    scheme = url.partition(":")[0].partition("+")[0]
    try:
        registry().get("store", scheme)
    except UnknownName:
        pytest.skip(f"no store serves {scheme}: yet")


def torture(rounds: int, seed: int, folder: Path, *, server: Server | None = None) -> Tally:
    """Shut the server down so many times.

    server: the one to shut down; None for a new one
    """
    need_store("postgresql+psycopg:")
    chance, total = random.Random(seed), Tally(rounds=0, acknowledged=0, losses=no_losses())
    with contextlib.ExitStack() as stack:
        server = server or stack.enter_context(running())
        url = server.url(stack.enter_context(server.database()))
        # Tables are made before the first round: a writer that meets none would make them again each time.
        open_store(url).close()
        for _ in range(rounds):
            written = _interrupted(server, url, [seeded_run(chance) for _ in range(_WRITERS)], chance)
            acknowledged = sum(max(count, 0) for _, count in written)
            total += Tally(rounds=1, acknowledged=acknowledged, losses=aftermath(url, written))
    return total


def _interrupted(server: Server, url: str, runs: list[Run], chance: random.Random) -> list[tuple[Run, int]]:
    """Return how many samples of each run were acknowledged before the server went."""
    pipes = [context().Pipe(duplex=False) for _ in runs]
    writers = [start(_write, url, run, sender) for run, (_, sender) in zip(runs, pipes, strict=True)]
    for receiver, sender in pipes:
        sender.close()
        assert receiver.recv() == NOTHING
    time.sleep(chance.uniform(0, _LONGEST))
    server.crash()
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0, f"a writer should end with an error of the store; it ended with {writer.exitcode}"
    server.start()
    return [(run, last_said(receiver, NOTHING)) for run, (receiver, _) in zip(runs, pipes, strict=True)]


def _write(url: str, run: Run, sender: Connection) -> None:
    sender.send(NOTHING)
    with contextlib.suppress(StoreError), closing(open_store(url)) as store:
        store.put_run(run)
        sender.send(0)
        for batch in batches(run):
            store.put_samples(batch)
            sender.send(batch[-1].index + 1)
