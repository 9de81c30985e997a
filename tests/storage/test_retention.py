import time
import tracemalloc
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from genwright.errors import Erased, UsageError
from genwright.testing.stores import make_record, make_run
from genwright_storage import erasure, holds, retention
from genwright_storage.retention import DAY, Applied
from genwright_storage.store import SQLStore

OLD, NEW, IMAGES = "a" * 32, "b" * 32, "c" * 32


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SQLStore]:
    """A store with an old run, a new one, and an old one of images, of ten samples each."""
    monkeypatch.setenv("GENWRIGHT_ACTOR", "ada")
    with closing(SQLStore(f"sqlite:///{tmp_path / 'store'}")) as store:
        for id, domain, age in ((OLD, "molecules", 400), (NEW, "molecules", 10), (IMAGES, "images", 400)):
            run = make_run(id=id, domain=domain, started=time.time_ns() - age * DAY)
            store.put_run(run)
            store.put_samples([make_record(run, index) for index in range(10)])
        yield store


def _left(store: SQLStore) -> dict[str, int]:
    return {run.id: len(list(store.samples(run=run.id))) for run in store.runs()}


def test_what_is_older_than_a_rule_says_is_erased(store: SQLStore) -> None:
    id = retention.retain(store, "domain:molecules", days=365, reason="space")
    assert retention.apply(store).rules == (Applied(rule=id, scope="domain:molecules", samples=10, held={}),)
    assert _left(store) == {IMAGES: 10, NEW: 10, OLD: 0}
    with pytest.raises(Erased, match=rf"by ada: retention rule {id}: space"):
        store.sample(f"{OLD}/3")
    assert list(store.verify()) == []
    assert retention.apply(store).rules == (Applied(rule=id, scope="domain:molecules", samples=0, held={}),)


@pytest.mark.parametrize(
    ("scope", "left"),
    [
        ("all", {OLD: 0, IMAGES: 0, NEW: 10}),
        ("run:aa", {OLD: 0, IMAGES: 10, NEW: 10}),
        ("sample:aa/3", {OLD: 9, IMAGES: 10, NEW: 10}),
        ("run:bb", {OLD: 10, IMAGES: 10, NEW: 10}),
    ],
)
def test_a_rule_is_for_its_scope(store: SQLStore, scope: str, left: dict[str, int]) -> None:
    retention.retain(store, scope, days=365, reason="space")
    assert sum(done.samples for done in retention.apply(store).rules) == 30 - sum(left.values())
    assert _left(store) == left


def test_what_a_hold_covers_is_kept_and_counted(store: SQLStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erasure, "AT_ONCE", 3)
    first = holds.place(store, f"sample:{OLD}/0", reason="a dispute")
    second = holds.place(store, "domain:images", reason="another")
    id = retention.retain(store, "all", days=365, reason="space")
    expected = (Applied(rule=id, scope="all", samples=9, held={first: 1, second: 10}),)
    assert retention.apply(store, is_dry=True).rules == expected
    assert _left(store) == {OLD: 10, IMAGES: 10, NEW: 10}
    assert retention.apply(store).rules == expected
    assert _left(store) == {OLD: 1, IMAGES: 10, NEW: 10}
    assert list(store.verify()) == []


def test_a_rule_that_ended_is_not_applied(store: SQLStore) -> None:
    id = retention.retain(store, "all", days=0, reason="space")
    retention.end(store, id, reason="enough space")
    assert retention.apply(store).rules == ()
    (row,) = retention.listed(store)
    assert (row.keep_ns, row.reason, row.placer, row.ender, row.ended_reason) == (
        0,
        "space",
        "ada",
        "ada",
        "enough space",
    )
    assert list(store.verify()) == []


@pytest.mark.parametrize("days", [-1, 100_001])
def test_a_rule_is_of_a_sensible_number_of_days(store: SQLStore, days: int) -> None:
    with pytest.raises(UsageError, match=rf"keeps samples for 0 to 100,000 days; got {days}. Choose a number"):
        retention.retain(store, "all", days=days, reason="space")


def test_a_rule_is_applied_in_constant_memory(store: SQLStore) -> None:
    run = make_run(started=1)
    store.put_run(run)
    for start in range(0, 6000, 1000):
        store.put_samples([make_record(run, start + index, prompt="x" * 2000) for index in range(1000)])
    retention.retain(store, f"run:{run.id}", days=365, reason="space")
    tracemalloc.start()
    try:
        assert [done.samples for done in retention.apply(store).rules] == [6000]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8_000_000  # a page of 500; the prompts alone are 12 MB


def test_what_is_left_to_do_and_copies_made_before_are_told(store: SQLStore, monkeypatch: pytest.MonkeyPatch) -> None:
    retention.retain(store, "all", days=365, reason="space")
    copy = store.database.path.with_name("store.v0.1.0.backup")
    copy.touch()
    dry = retention.apply(store, is_dry=True)
    assert (dry.is_complete, dry.copies) == (True, ())
    with monkeypatch.context() as patch:
        patch.setattr(type(store.database), "rewrite", lambda _: False)
        done = retention.apply(store)
    assert (done.is_complete, done.copies) == (False, (copy,))
    assert retention.apply(store).is_complete
