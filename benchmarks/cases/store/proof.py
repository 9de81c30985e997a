"""How long it takes to prove that a sample is in a large store."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import closing
from functools import partial

from benchmarks.cases.store import ingest
from benchmarks.cases.store.questions import asked
from benchmarks.row import Row, at_most
from benchmarks.setting import Setting
from benchmarks.stored import filled
from genwright.store import open_store
from genwright_storage.evidence import prove
from genwright_storage.store import SQLStore

__all__ = ["TESTS", "rows"]

TESTS = ingest.TESTS


def rows(setting: Setting) -> Iterator[Row]:
    """Yield the milliseconds of one proof."""
    count, target = 10 * setting.rows, at_most(5)
    name = f"SQLite, the proof of one of {count:,} samples"
    url, _ = filled(setting.scratch, count)
    with closing(open_store(url)) as store:
        assert isinstance(store, SQLStore)
        run, draw = store.run("LAST").id, random.Random(setting.seed)
        ids = [f"{run}/{draw.randrange(count)}" for _ in range(setting.scaled(200, 100))]
        questions = [partial(prove, store, id) for id in ids]
        yield asked("proof", name, questions, target=target, note="Of samples drawn at random.")
