from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import select

from genwright.query import Query
from genwright.store import Score
from genwright.testing.stores import make_record, make_run
from genwright_storage.search.conditions import narrowed, of_samples, runs_asked, scored, span
from genwright_storage.search.index import Index
from genwright_storage.store import SQLStore
from genwright_storage.tables import sample


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SQLStore]:
    """Two runs, of which the index knows the first, written in turns."""
    with closing(SQLStore(f"sqlite:///{tmp_path / 'store'}")) as store:
        runs = [make_run(domain=domain, config={"where": {"logP": 1.0}}) for domain in ("molecules", "images")]
        store.put_run(runs[0])
        Index(store.database, store.blobs).catch_up(conditions=True)
        store.put_run(runs[1])
        for index in range(4):
            for run in runs:
                store.put_samples([make_record(run, index)])
            store.put_scores(runs[0].id, [Score(metric=name, value=index / 4, index=index) for name in "ab"])
        yield store


def keys(store: SQLStore, query: Query, domain: str | None = None) -> list[int] | None:
    with store.database.reading() as connection:
        asked = runs_asked(connection, query, domain)
        return None if asked is None else list(connection.execute(asked).scalars())


def test_runs_are_asked_for_whether_they_are_in_the_index_or_not(store: SQLStore) -> None:
    assert keys(store, Query()) is None
    assert keys(store, Query(where={"logP": (0.0, 2.0)})) == [1, 2]
    assert keys(store, Query(where={"logP": (0.0, 2.0)}, domain="images")) == [2]
    assert keys(store, Query(domain="images"), "molecules") == []
    assert keys(store, Query(where={"logP": "word"})) == []


def test_the_span_of_runs_is_from_their_oldest_sample_to_their_newest(store: SQLStore) -> None:
    with store.database.reading() as connection:
        for domain, ends in (("molecules", (1, 7)), ("images", (2, 8)), ("nothing", (1, 0))):
            asked = runs_asked(connection, Query(domain=domain), None)
            assert asked is not None
            assert span(connection, asked) == ends


def test_scores_are_asked_of_the_sample_that_has_them(store: SQLStore) -> None:
    query = Query(scores={"a": (0.25, 1.0), "b": (0.0, 0.5)})
    first = scored(query)
    assert first is not None
    with store.database.reading() as connection:
        asked = select(sample.c.id).where(*of_samples(query), first)
        assert list(connection.execute(asked).scalars()) == [3, 5]
    assert scored(Query()) is None


def test_an_index_with_nothing_in_it_narrows_nothing(store: SQLStore) -> None:
    with store.database.reading() as connection:
        assert narrowed(connection, ["word"], ["abc"], 0) == []
        assert len(narrowed(connection, ["word"], ["abc"], 7)) == 1
        assert narrowed(connection, [], [], 7) == []
