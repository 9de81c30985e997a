"""What the index answers is what looking at every sample does, however much of them is in the index."""

import math
import os
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from genwright.memory import MemoryStore
from genwright.query import Part, Query
from genwright.store import Record, Score, Store
from genwright.testing.stores import make_record, make_run
from genwright_storage.search import answers
from genwright_storage.search.index import TEXT, Index, last_indexed
from genwright_storage.search.texts import text_index
from genwright_storage.sqlite import SQLiteDatabase
from genwright_storage.store import SQLStore
from tests.storage.server import Server

WORDS = ("benzene", "Ring", "über", "a", "b", "AND", "c1ccccc1", "42")
RUNS = [make_run(id=f"{n:x}" * 32, config={"where": {"logP": n / 2, "class": "ab"[n % 2]}}) for n in range(1, 7)]


def fill(store: Store, runs: slice = slice(0, 6)) -> None:
    """Put samples of several runs in turns, some of them with scores."""
    for run in RUNS[runs]:
        store.put_run(run)
    for start in range(0, 30, 10):
        for place, run in enumerate(RUNS[runs]):
            store.put_samples([record(run, index, place) for index in range(start, start + 10 - place)])
            scored = [
                Score(metric=name, value=(index * 7 % 11) / 10, index=start + index)
                for index in range(5)
                for name in "qs"
            ]
            store.put_scores(run.id, scored)


def record(run: Any, index: int, place: int) -> Record:
    def word(step: int) -> str:
        return WORDS[(index * step + place) % len(WORDS)]

    return make_record(
        run,
        index,
        canonical=None if index % 5 == 0 else f"{word(1)} {word(3)}",
        payload=word(5).encode(),
        media_type="image/png" if index % 7 == 0 else "text/plain",
        prompt=f"{word(2)}-{word(7)}" if index % 3 else "",
        parameters=f'{{"with": "{word(4)}"}}' if index % 4 == 0 else "",
        identity=f"KEY-{index % 6}",
        flaw="bad" if index % 11 == 3 else None,
    )


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def urls(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The URLs of three new stores."""
    names = ("all", "none", "half")
    if request.param == "sqlite":
        folder = tmp_path_factory.mktemp("stores")
        yield {name: f"sqlite:///{folder / name}" for name in names}
        return
    server: Server = request.getfixturevalue("server")
    with ExitStack() as stack:
        yield {name: server.url(stack.enter_context(server.database())) for name in names}


@pytest.fixture(scope="module")
def stores(urls: dict[str, str]) -> Iterator[list[Store]]:
    """The same samples in a store in memory, in one that is indexed, one that is not, and one that is in part."""
    memory = MemoryStore()
    fill(memory)
    for name, url in urls.items():
        with closing(SQLStore(url)) as store:
            fill(store, slice(0, 3)) if name == "half" else fill(store)
            if name != "none":
                Index(store.database, store.blobs).catch_up_all()
    reordered = MemoryStore()
    fill(reordered, slice(0, 3))
    fill(reordered, slice(3, 6))
    with closing(SQLStore(urls["half"])) as store:
        fill(store, slice(3, 6))
    opened = [SQLStore(f"{url}?mode=ro") for url in urls.values()]
    yield [memory, opened[0], opened[1], reordered, opened[2]]
    for one in opened:
        one.close()


def bounds() -> st.SearchStrategy[tuple[float, float]]:
    ends = st.sampled_from([-math.inf, 0.0, 0.3, 0.5, 1.0, 2.0, math.inf])
    return st.tuples(ends, ends).map(lambda pair: (min(pair), max(pair)))


def asked() -> st.SearchStrategy[dict[str, Any]]:
    """Return questions of every kind and combination."""
    phrase = st.sampled_from([*WORDS, "benzene ring", "ring 42", "uber", "nothing"])
    return st.fixed_dictionaries(
        {},
        optional={
            "text": st.sampled_from([*WORDS, "", "enz", "ccc", "x", "ne R", "%", "ing a"]),
            "match": phrase,
            "identity": st.sampled_from(["KEY-1", "KEY-3", "KEY"]),
            "run": st.sampled_from([RUNS[0].id, RUNS[4].id[:3]]),
            "domain": st.sampled_from(["molecules", "images"]),
            "valid": st.booleans(),
            "scores": st.dictionaries(st.sampled_from("qs"), bounds(), max_size=2),
            "where": st.dictionaries(
                st.sampled_from(["logP", "class"]), bounds() | st.sampled_from(["a", "1"]), max_size=2
            ),
        },
    )


def told(store: Store, query: Query) -> list[tuple[str, float | None]]:
    return [(hit.record.id, hit.value) for hit in store.search(query)]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(wanted=asked(), page=st.integers(1, 40))
def test_the_index_tells_what_looking_at_every_sample_does(
    stores: list[Store], wanted: dict[str, Any], page: int
) -> None:
    memory, indexed, plain, reordered, half = stores
    query = Query(**wanted)
    expected = told(memory, query)
    assert told(indexed, query) == expected
    assert told(plain, query) == expected
    assert told(half, query) == told(reordered, query)
    for store in (indexed, half):
        first = list(islice(store.search(query), page))
        rest = told(store, replace(query, after=first[-1].cursor)) if first else []
        assert [(hit.record.id, hit.value) for hit in first] + rest == told(store, query)


@settings(max_examples=300, deadline=None)
@given(st.text(st.sampled_from("ab\"*^():+-{}&|!<>\\'NEAR ANDORT,5 \t%_;\0é"), max_size=30) | st.text(max_size=30))
def test_no_text_breaks_a_search(stores: list[Store], text: str) -> None:
    named: list[dict[str, Any]] = [{"where": {text: 1.0}}, {"scores": {text: (0.0, 1.0)}}, {"domain": text}]
    for wanted in ({"text": text}, {"match": f"a {text}"}, {"identity": text}, {"where": {"class": text}}, *named):
        query = Query(**wanted)
        assert told(stores[1], query) == told(stores[0], query)


def test_an_index_is_made_by_the_first_search_and_kept_up(tmp_path: Path) -> None:
    with closing(SQLStore(f"sqlite:///{tmp_path / 'store'}")) as store:
        fill(store, slice(0, 2))
        done: list[int] = []
        assert len(list(store.search(Query(match="benzene"), progress=done.append))) > 5
        count = store.info()["samples"]
        assert done == [count]
        fill(store, slice(2, 3))
        list(store.search(Query(match="benzene"), progress=done.append))
        assert done == [count, store.info()["samples"] - count]
        list(store.search(Query(match="benzene"), progress=done.append))
        assert len(done) == 2
        with store.database.reading() as connection:
            assert last_indexed(connection, TEXT) == store.info()["samples"]


def test_a_search_that_cannot_write_its_index_answers_the_same(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'store'}"
    with closing(SQLStore(url, patience=0.1)) as store, closing(SQLStore(url)) as other:
        fill(store, slice(0, 2))
        with other.database.writing():
            found = told(store, Query(match="benzene"))
            with store.database.reading() as connection:
                assert last_indexed(connection, TEXT) == 0
        assert found == told(store, Query(match="benzene")) != []


def test_a_large_payload_comes_whole_and_is_read_only_if_it_fits(tmp_path: Path) -> None:
    with closing(SQLStore(f"sqlite:///{tmp_path / 'store'}")) as store:
        store.put_run(RUNS[0])
        large = b"word " * 30_000
        store.put_samples([make_record(RUNS[0], n, payload=large, canonical=f"CC{n}") for n in range(2)])
        (hit,) = store.search(Query(text="CC1"))
        assert hit.record.payload == large
        assert told(store, Query(match="word")) == []
        for path in Path(f"{store.database.path}.blobs").rglob("*"):
            if path.is_file():
                os.remove(path)
        assert told(store, Query(match="nothing")) == []


def test_what_is_near_comes_in_order_beyond_what_is_sorted_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "_BEST", 7)
    monkeypatch.setattr(answers, "_PAGE", 3)
    from genwright.searches import similar_to

    spellings = ["C" * n + "O" for n in range(1, 41)]
    memory = MemoryStore()
    with closing(SQLStore(f"sqlite:///{tmp_path / 'store'}")) as store:
        for one in (memory, store):
            one.put_run(RUNS[0])
            one.put_samples([make_record(RUNS[0], n, payload=text.encode()) for n, text in enumerate(spellings)])
        query = Query(like=similar_to("CCCCO", at_least=0.1))
        assert told(store, query) == told(memory, query)
        assert len(told(store, query)) > 30
        third = list(store.search(query))[2]
        assert told(store, replace(query, after=third.cursor)) == told(memory, query)[3:]


@pytest.mark.parametrize(
    "wanted",
    [{"match": "rare"}, {"match": "rare", "scores": {"q": (0.0, 1.0)}}, {"part": Part(domain="molecules", text="CO")}],
)
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_search_goes_on_while_the_index_is_made_anew(
    tmp_path: Path, team_url: str, kind: str, wanted: dict[str, Any]
) -> None:
    with closing(SQLStore(team_url if kind == "postgresql" else f"sqlite:///{tmp_path / 'store'}")) as store:
        store.put_run(RUNS[0])
        store.put_samples([make_record(RUNS[0], n, prompt="rare") for n in range(200)])
        store.put_scores(RUNS[0].id, [Score(metric="q", value=0.5, index=n) for n in range(200)])
        Index(store.database, store.blobs).catch_up_all()
        expected = told(store, Query(**wanted))
        hits = store.search(Query(**wanted))
        first = next(hits)
        with store.database.writing() as connection:
            connection.exec_driver_sql("DELETE FROM search_state")
            connection.exec_driver_sql("DELETE FROM fingerprint")
            text_index(connection).clear(connection)
        assert [(hit.record.id, hit.value) for hit in [first, *hits]] == expected
        assert len(expected) == 200


def test_a_search_holds_no_snapshot_while_it_is_read(tmp_path: Path) -> None:
    """An open one would keep the write-ahead log from being emptied."""
    with closing(SQLStore(f"sqlite:///{tmp_path / 'store'}")) as store:
        fill(store)
        hits = store.search(Query())
        next(hits)
        with closing(SQLiteDatabase(store.url, patience=1)) as other, other.writing() as connection:
            connection.exec_driver_sql("DELETE FROM search_state")
        with closing(SQLiteDatabase(store.url, patience=1)) as other, other.reading() as connection:
            connection.exec_driver_sql("COMMIT")
            busy, *_ = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()
            connection.exec_driver_sql("BEGIN")
        assert busy == 0
        assert len(list(hits)) > 100
