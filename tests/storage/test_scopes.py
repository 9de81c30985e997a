from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import select

from genwright.errors import StoreError, UnknownName, UsageError
from genwright.testing.stores import make_record, make_run
from genwright_storage import scopes
from genwright_storage.store import SQLStore
from genwright_storage.tables import run, sample

ONE, TWO = "a" * 32, "b" * 32


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SQLStore]:
    with closing(SQLStore(f"sqlite:///{tmp_path / 'store'}")) as store:
        for id, domain in ((ONE, "molecules"), (TWO, "images")):
            start = make_run(id=id, domain=domain)
            store.put_run(start)
            store.put_samples([make_record(start, index) for index in (1, 11)])
        yield store


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("all", "all"),
        ("domain:not here yet", "domain:not here yet"),
        ("run:LAST", f"run:{TWO}"),
        ("run:aa", f"run:{ONE}"),
        ("sample:aa/11", f"sample:{ONE}/11"),
    ],
)
def test_ids_are_kept_in_full(store: SQLStore, given: str, kept: str) -> None:
    with store.database.reading() as connection:
        assert scopes.parsed(connection, given) == kept


@pytest.mark.parametrize("text", ["", "run", "run:", "sample:", "domain:", "everything", "all:x", "runs:LAST"])
def test_what_is_no_scope_is_refused(store: SQLStore, text: str) -> None:
    with (
        store.database.reading() as connection,
        pytest.raises(UsageError, match=r"a scope is all, domain:NAME, run:ID or sample:ID; got .*Example: run:LAST"),
    ):
        scopes.parsed(connection, text)


@pytest.mark.parametrize("text", ["run:ff", "sample:aa/2", "sample:ff/1", "sample:aa"])
def test_what_is_not_there_is_unknown(store: SQLStore, text: str) -> None:
    with store.database.reading() as connection, pytest.raises(UnknownName, match="there is no"):
        scopes.parsed(connection, text)


def test_a_scope_is_plain_text(store: SQLStore) -> None:
    with store.database.reading() as connection, pytest.raises(StoreError, match="NUL"):
        scopes.parsed(connection, "domain:a\0")


@pytest.mark.parametrize(
    ("scope", "covered"),
    [
        ("all", {(ONE, 1), (ONE, 11), (TWO, 1), (TWO, 11)}),
        ("domain:images", {(TWO, 1), (TWO, 11)}),
        (f"run:{ONE}", {(ONE, 1), (ONE, 11)}),
        (f"sample:{ONE}/1", {(ONE, 1)}),
        ("what a newer version has", set()),
    ],
)
def test_the_condition_and_the_predicate_agree(store: SQLStore, scope: str, covered: set[tuple[str, int]]) -> None:
    with store.database.reading() as connection:
        query = select(run.c.uid, sample.c.idx, run.c.domain).join(run, run.c.id == sample.c.run_id)
        every = connection.execute(query).all()
        found = connection.execute(query.where(scopes.condition(scope))).all()
    assert {(row.uid, row.idx) for row in found} == covered
    over = [row for row in every if scopes.over(scope, uid=row.uid, domain=row.domain, index=row.idx)]
    assert {(row.uid, row.idx) for row in over} == covered


def test_a_scope_of_one_sample_covers_something_of_its_run() -> None:
    assert scopes.over(f"sample:{ONE}/1", uid=ONE, domain="molecules", index=None)
    assert not scopes.over(f"sample:{ONE}/1", uid=TWO, domain="molecules", index=None)
