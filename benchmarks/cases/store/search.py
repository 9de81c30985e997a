"""How long it takes to find the first page of twenty samples in a large store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.cases.store import ingest
from benchmarks.cases.store.questions import asked
from benchmarks.row import Row, at_most
from benchmarks.searched import make, questions
from benchmarks.setting import Setting
from benchmarks.stored import kept_keys
from genwright.store import open_store

__all__ = ["TESTS", "rows"]

TESTS = (*ingest.TESTS, "tests/storage/search")


def rows(setting: Setting) -> Iterator[Row]:
    """Yield the milliseconds of each kind of question, asked of a store whose index is up to date."""
    count = 10 * setting.rows
    with (
        TemporaryDirectory(dir=setting.scratch) as folder,
        kept_keys(Path(folder)),
        closing(open_store(f"sqlite:///{folder}/store.sqlite")) as store,
    ):
        make(store, count)
        for kind, question in questions(store).items():
            name = f"SQLite, {kind}, of {count:,} samples"
            yield asked("search", name, [question] * setting.scaled(20, 5), target=at_most(50), note="")
