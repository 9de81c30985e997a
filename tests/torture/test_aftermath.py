"""What follows every fault can tell loss: each kind of it is done here, and found."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from genwright.run import Run
from genwright.store import open_store
from genwright.testing.stores import make_run
from tests.torture.aftermath import NOTHING, aftermath
from tests.torture.workload import batches, edges

NONE = {"lost": 0, "dangling": 0, "corrupt": 0, "halved": 0}


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'store'}"


@pytest.fixture
def run(url: str) -> Run:
    """A run with its first three batches: 7 samples, the fifth of them large."""
    with closing(open_store(url)) as store:
        store.put_run(run := make_run())
        for batch, _ in zip(batches(run), range(3), strict=False):
            store.put_samples(batch)
    return run


def test_a_store_that_kept_what_was_acknowledged_has_lost_nothing(url: str, run: Run) -> None:
    assert aftermath(url, [(run, 7), (make_run(), NOTHING)]) == NONE
    assert aftermath(url, [(run, 3)]) == NONE  # what was written and not yet acknowledged may be there


def test_what_was_acknowledged_and_is_not_there_is_lost(url: str, run: Run) -> None:
    assert aftermath(url, [(run, 9)]) == NONE | {"lost": 2}
    assert aftermath(url, [(make_run(), 5)]) == NONE | {"lost": 6}


def test_a_payload_that_is_gone_dangles(url: str, run: Run, tmp_path: Path) -> None:
    (file,) = (path for path in (tmp_path / "store.blobs").rglob("*") if path.is_file())
    file.unlink()
    assert aftermath(url, [(run, 7)])["dangling"] > 0


def test_half_a_batch_is_told(url: str, run: Run, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "store")) as connection, connection:
        connection.execute("DROP TRIGGER sample_delete")
        connection.execute("DELETE FROM sample WHERE idx = 6")
    found = aftermath(url, [(run, 3)])
    assert (found["lost"], found["halved"]) == (0, 1)
    assert found["corrupt"] > 0


def test_a_file_that_is_no_store_any_more_is_corrupt(url: str, run: Run, tmp_path: Path) -> None:
    (tmp_path / "store").write_bytes(b"x" * 4096)
    assert aftermath(url, [(run, 7)]) == NONE | {"lost": 7, "corrupt": 2}


def test_batches_end_where_they_are_said_to() -> None:
    run = make_run()
    ends = [batch[-1].index + 1 for batch, _ in zip(batches(run), range(9), strict=False)]
    assert edges(ends[-1]) == {0, *ends}
