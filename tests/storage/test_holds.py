from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from genwright.errors import UnknownName, UsageError
from genwright.testing.stores import make_record, make_run
from genwright_storage import holds
from genwright_storage.store import SQLStore


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SQLStore]:
    monkeypatch.setenv("GENWRIGHT_ACTOR", "ada")
    with closing(SQLStore(f"sqlite:///{tmp_path / 'store'}")) as store:
        run = make_run(id="a" * 32)
        store.put_run(run)
        store.put_samples([make_record(run, 0)])
        yield store


def test_a_hold_says_who_placed_it_on_what_and_why(store: SQLStore) -> None:
    assert [holds.place(store, scope, reason="a dispute") for scope in ("all", "run:aa", "sample:LAST/0")] == [1, 2, 3]
    rows = [(row.scope, row.reason, row.placer, row.ended_ns) for row in holds.listed(store)]
    scopes = ["all", f"run:{'a' * 32}", f"sample:{'a' * 32}/0"]
    assert rows == [(scope, "a dispute", "ada", None) for scope in scopes]
    assert list(store.verify()) == []


def test_a_hold_is_released_once_and_stays_in_the_list(store: SQLStore, monkeypatch: pytest.MonkeyPatch) -> None:
    id = holds.place(store, "all", reason="a dispute")
    monkeypatch.setenv("GENWRIGHT_ACTOR", "bob")
    holds.release(store, id, reason="settled")
    (row,) = holds.listed(store)
    assert (row.placer, row.ender, row.ended_reason) == ("ada", "bob", "settled")
    with pytest.raises(UsageError, match=r"hold 1 was to end; it ended before, by bob. There is nothing to do"):
        holds.release(store, id, reason="settled")
    assert list(store.verify()) == []


def test_a_hold_that_is_not_there_is_unknown(store: SQLStore) -> None:
    holds.place(store, "all", reason="a dispute")
    with pytest.raises(UnknownName, match=r"there is no hold named '7'"):
        holds.release(store, 7, reason="settled")


def test_a_hold_needs_a_reason(store: SQLStore) -> None:
    with pytest.raises(UsageError, match="got an empty one"):
        holds.place(store, "all", reason=" ")


@pytest.mark.parametrize("change", ["UPDATE hold SET reason = 'x'", "DELETE FROM hold", "UPDATE hold SET ended_ns = 1"])
def test_a_hold_is_not_changed_but_by_its_end(store: SQLStore, change: str) -> None:
    from sqlalchemy.exc import IntegrityError

    holds.release(store, holds.place(store, "all", reason="a dispute"), reason="settled")
    with (
        pytest.raises(IntegrityError, match="evidence is not changed: hold"),
        store.database._writer.begin() as connection,
    ):
        connection.exec_driver_sql(change)
