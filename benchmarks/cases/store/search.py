"""How long it takes to find samples in a large store."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

from benchmarks.cases.store import ingest
from benchmarks.cases.store.questions import asked, not_built
from benchmarks.row import Row, at_most
from benchmarks.setting import Setting
from benchmarks.stored import filled, identity, records
from genwright.store import Store, open_store

__all__ = ["TESTS", "rows"]

TESTS = ingest.TESTS
_TARGET = at_most(50)


def rows(setting: Setting) -> Iterator[Row]:
    """Yield the milliseconds of each kind of question."""
    count = 10 * setting.rows
    url, _ = filled(setting.scratch, count)
    draw = random.Random(setting.seed)
    with closing(open_store(url)) as store:
        asks = [_asking(store, draw.randrange(count)) for _ in range(setting.scaled(50, 20))]
        yield _row(count, "by identity", [by_identity for by_identity, _ in asks], "One answer each.")
        # Without an index each of these goes through all samples.
        few = asks[: setting.scaled(5, 2)]
        yield _row(count, "by a text that is in one sample", [by_text for _, by_text in few], "One answer each.")
        for kind in ("by a range of scores", "by a range of a condition"):
            if not hasattr(store, "search"):
                yield not_built("search", _name(count, kind), _TARGET, "search")


def _asking(store: Store, index: int) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """Return two questions whose answer is one sample: by its identity, and by a part of its text."""
    (record,) = records("", 1, index)
    spelling = str(record.canonical)
    return (
        lambda: _one(store, identity=identity(spelling)),
        lambda: _one(store, text=spelling[-12:]),
    )


def _one(store: Store, **asked: str) -> None:
    assert len(list(store.samples(**asked))) == 1  # type: ignore[arg-type]


def _name(count: int, kind: str) -> str:
    return f"SQLite, {kind}, of {count:,} samples"


def _row(count: int, kind: str, questions: list[Callable[[], Any]], note: str) -> Row:
    return asked("search", _name(count, kind), questions, target=_TARGET, note=note)
