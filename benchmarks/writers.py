"""Processes that write into one database at the same time."""

from __future__ import annotations

import itertools
import multiprocessing
import time
from collections.abc import Callable
from functools import partial
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from typing import Any

from benchmarks.rates import Spent
from benchmarks.stored import BATCH, put, raw_rows, records
from genwright.store import open_store
from genwright_storage.rows import SampleRow

__all__ = ["WRITERS", "copying", "putting", "together"]

WRITERS = 4
_PATIENCE = 600

Work = Callable[[], object]
Prepare = Callable[[int, int], Work]
"""Given how many rows to write and the index of the first, makes them ready and returns what writes them."""


def together(prepare: Prepare, count: int, *, writers: int = WRITERS) -> Spent:
    """Return what it takes that many processes to write so many rows in all, from the first start to the last end.

    Each makes its rows ready and connects before; then all begin. Raises RuntimeError if one of them fails.
    """
    context = multiprocessing.get_context("spawn")
    barrier, told = context.Barrier(writers), context.Queue()
    share = count // writers
    processes = [
        context.Process(target=_write, args=(prepare, share, place * share, barrier, told)) for place in range(writers)
    ]
    for process in processes:
        process.start()
    answers = [told.get(timeout=_PATIENCE) for _ in processes]
    for process in processes:
        process.join()
    failed = [answer for answer in answers if isinstance(answer, str)]
    if failed:
        raise RuntimeError(failed[0])
    starts, ends, processor = zip(*answers, strict=True)
    return Spent(share * writers, max(ends) - min(starts), sum(processor))


def _write(prepare: Prepare, count: int, first: int, barrier: Barrier, told: Queue[Any]) -> None:
    try:
        work = prepare(count, first)
        barrier.wait(_PATIENCE)
        # One clock for all processes of a machine.
        start, before = time.monotonic(), time.process_time()
        work()
        told.put((start, time.monotonic(), time.process_time() - before))
    except Exception as error:
        barrier.abort()
        told.put(f"a writer failed: {type(error).__name__}: {error}")


def putting(url: str, run: str) -> Prepare:
    """Return what puts samples into a run of a store, in batches."""
    return partial(_putting, url, run)


def _putting(url: str, run: str, count: int, first: int) -> Work:
    store, made = open_store(url), records(run, count, first)
    return partial(put, store, made, BATCH)


def copying(url: str, run: str, run_id: int, batch_id: int) -> Prepare:
    """Return what copies the same rows into the same table with psycopg, one commit a batch."""
    return partial(_copying, url, run, run_id, batch_id)


def _copying(url: str, run: str, run_id: int, batch_id: int, count: int, first: int) -> Work:
    import psycopg

    # Beyond the keys that the store itself has given.
    ids = itertools.count((1 << 60) + first)
    made = [(next(ids), *row) for row in raw_rows(records(run, count, first), run_id, batch_id)]
    connection = psycopg.connect(url)
    statement = f"COPY sample (id, run_id, batch_id, {', '.join(SampleRow._fields)}) FROM STDIN".encode()

    def copy() -> None:
        for start in range(0, count, BATCH):
            with connection.cursor() as cursor, cursor.copy(statement) as rows:
                for row in made[start : start + BATCH]:
                    rows.write_row(row)
            connection.commit()
        connection.close()

    return copy
