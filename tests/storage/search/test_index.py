import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text

from genwright.errors import UnknownName
from genwright.query import Query
from genwright.registry import Plugin, Registry
from genwright.specs import DomainSpec
from genwright.testing.stores import make_record, make_run
from genwright.testing.toys import Rounds
from genwright_storage.erasure import erase
from genwright_storage.search import index as module
from genwright_storage.search.index import (
    CONDITIONS,
    TEXT,
    Index,
    Kind,
    condition_values,
    fingerprint_kind,
    forget,
    last_indexed,
    mark,
)
from genwright_storage.store import SQLStore
from genwright_storage.tables import run_condition

SECRET = "Xylographically Zquvbjkw"


class Lettered(Rounds):
    """Rounds that are alike in their length."""

    def fingerprints(self, items: Sequence[str]) -> dict[str, list[bytes | None]]:
        return {"length": [b"\xa5\x5a\xa5" * 5 + bytes([len(item)]) for item in items]}


def toy(version: int = 1) -> DomainSpec:
    return DomainSpec(
        name="rounds",
        target=f"{__name__}:Lettered",
        summary="",
        encoder="x",
        media_type="text/plain",
        fingerprints={"length": "hamming"},
        version=version,
    )


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Any:
    def install(*specs: DomainSpec) -> None:
        registry = Registry([Plugin(name="toy", distribution="toy", version="1", specs=specs)], {})
        monkeypatch.setattr(module, "registry", lambda: registry)

    install(toy())
    return install


@pytest.fixture
def store(tmp_path: Path, installed: Any) -> Iterator[SQLStore]:
    with closing(SQLStore(f"sqlite:///{tmp_path / 'store'}")) as store:
        for domain, asked in (("rounds", {"letters": 3, "first": "a"}), ("nothing", {})):
            run = make_run(domain=domain, config={"where": asked})
            store.put_run(run)
            store.put_samples([make_record(run, n, payload=b"abcd", prompt=f"word{n}") for n in range(5)])
        yield store


def lasts(store: SQLStore) -> list[int]:
    with store.database.reading() as connection:
        return [last_indexed(connection, kind) for kind in (TEXT, CONDITIONS, fingerprint_kind("rounds"))]


def everything(store: SQLStore) -> list[Any]:
    with store.database.reading() as connection:
        tables = ("run_condition", "fingerprint", "search_state", "word_index_data", "letter_index_data")
        return [connection.execute(text(f"SELECT * FROM {table} ORDER BY 1, 2")).all() for table in tables]


def test_each_part_is_brought_up_to_date_alone(store: SQLStore) -> None:
    index = Index(store.database, store.blobs)
    assert lasts(store) == [0, 0, 0]
    index.catch_up(conditions=True)
    assert lasts(store) == [0, 2, 0]
    index.catch_up(domain="rounds")
    assert lasts(store) == [0, 2, 10]
    index.catch_up_all()
    assert lasts(store) == [10, 2, 10]
    assert index.count == 2 + 5 + 10


def test_it_is_the_same_whether_made_at_once_or_page_by_page(store: SQLStore, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[int] = []
    Index(store.database, store.blobs).catch_up_all()
    at_once = [hit.record.id for hit in store.search(Query(match="word3"))]
    monkeypatch.setattr(module, "_PAGE", 3)
    monkeypatch.setattr(module, "_COMPUTED", 2)
    index = Index(store.database, store.blobs, progress=done.append)
    index.clear()
    assert lasts(store) == [0, 0, 0]
    index.catch_up_all()
    assert done == [2, 5, 8, 11, 12, 14, 16, 17]
    assert lasts(store) == [10, 2, 10]
    assert [hit.record.id for hit in store.search(Query(match="word3"))] == at_once


def test_an_index_that_is_up_to_date_is_not_written_to(store: SQLStore) -> None:
    Index(store.database, store.blobs).catch_up_all()
    before = everything(store)
    again = Index(store.database, store.blobs)
    again.catch_up_all()
    assert again.count == 0
    assert everything(store) == before


def test_two_that_index_at_once_leave_one_index(store: SQLStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second finds that the first was faster, and adds nothing twice."""
    prepared = module._Texts.prepared

    def slower(self: Any, found: Any) -> Any:
        monkeypatch.setattr(module._Texts, "prepared", prepared)
        Index(store.database, store.blobs).catch_up(text=True)
        return prepared(self, found)

    monkeypatch.setattr(module._Texts, "prepared", slower)
    Index(store.database, store.blobs).catch_up(text=True)
    assert len(list(store.search(Query(match="word3")))) == 2
    assert lasts(store)[0] == 10


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
@pytest.mark.parametrize("part", ["_Texts", "_Conditions", "_Fingerprints"])
def test_what_is_erased_while_it_is_indexed_does_not_get_into_the_index(
    tmp_path: Path, team_url: str, installed: Any, monkeypatch: pytest.MonkeyPatch, kind: str, part: str
) -> None:
    """Its words would stay there, since it was not there yet when the erasure removed it."""
    prepared = getattr(module, part).prepared
    seen: list[int] = []
    with closing(SQLStore(team_url if kind == "postgresql" else f"sqlite:///{tmp_path / 'store'}")) as store:
        run = make_run(domain="rounds", config={"where": {"letters": 3}})
        store.put_run(run)
        store.put_samples([make_record(run, 0, payload=b"abcd", prompt=SECRET)])

        def slower(self: Any, found: Any) -> Any:
            seen.append(len(found))
            if len(seen) == 1:
                erase(store, [run.id], reason="asked for")
            return prepared(self, found)

        monkeypatch.setattr(getattr(module, part), "prepared", slower)
        Index(store.database, store.blobs).catch_up(text=True, conditions=True, domain="rounds")
        assert len(seen) == 2
        with store.database.reading() as connection:
            tables = ["run_condition", "fingerprint", *(["text_index"] if kind == "postgresql" else [])]
            assert [connection.execute(text(f"SELECT * FROM {table}")).all() for table in tables] == [[]] * len(tables)
            if kind == "sqlite":
                found = "SELECT count(*) FROM word_index WHERE word_index MATCH 'zquvbjkw'"
                assert connection.execute(text(found)).scalar() == 0


def test_what_another_version_wrote_counts_for_nothing_and_is_made_anew(store: SQLStore, installed: Any) -> None:
    Index(store.database, store.blobs).catch_up_all()
    installed(toy(version=2))
    with store.database.writing() as connection:
        mark(connection, Kind(name="text", version="0/1.1.0"), 10)
    assert lasts(store) == [0, 2, 0]
    Index(store.database, store.blobs).catch_up_all()
    assert lasts(store) == [10, 2, 10]
    assert len(list(store.search(Query(match="word3")))) == 2
    with store.database.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM fingerprint")).scalar() == 1


def test_fingerprints_of_a_domain_that_is_not_installed_wait(store: SQLStore, installed: Any) -> None:
    installed()
    index = Index(store.database, store.blobs)
    index.catch_up_all()
    with pytest.raises(UnknownName, match="there is no domain named 'rounds'"):
        index.catch_up(domain="rounds")
    installed(toy())
    assert lasts(store) == [10, 2, 0]


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ('{"where": {"a": 1, "b": "x", "c": true, "d": null}}', [("a", 1.0, None), ("b", None, "x")]),
        ('{"where": {"a": 1' + "0" * 400 + "}}", [("a", None, None)]),
        ('{"where": [1]}', []),
        ("{}", []),
        ("", []),
    ],
)
def test_conditions_are_numbers_and_words(config: str, expected: list[Any]) -> None:
    found = [tuple(values.values()) for values in condition_values(config)]
    assert [one for one in found if one[0] not in "cd"] == expected


def test_what_is_forgotten_is_found_no_more(store: SQLStore) -> None:
    Index(store.database, store.blobs).catch_up_all()
    with store.database.writing() as connection:
        forget(connection, [2, 9], runs=[1])
        assert connection.execute(select(run_condition)).all() == []
    with store.database.reading() as connection:
        for match, hits in (("word1", 1), ("word2", 2), ("word3", 1)):
            found = connection.execute(text("SELECT count(*) FROM word_index WHERE word_index MATCH :m"), {"m": match})
            assert found.scalar() == hits
        samples = connection.execute(text("SELECT samples FROM fingerprint")).scalar_one()
        assert [samples[place] for place in range(0, len(samples), 8)] == [1, 3, 4, 5]
    assert lasts(store) == [10, 2, 10]


def test_what_is_forgotten_before_it_is_indexed_is_left_to_the_index(store: SQLStore) -> None:
    with store.database.writing() as connection:
        forget(connection, [1, 2], runs=[1])
    Index(store.database, store.blobs).catch_up(text=True)
    with store.database.writing() as connection:
        forget(connection, [77])
    assert len(list(store.search(Query(match="word3")))) == 2


def test_nothing_of_what_is_forgotten_is_in_the_file(tmp_path: Path, installed: Any) -> None:
    """What other samples have too stays, of course; what it had alone is gone when the file is vacuumed."""
    path = tmp_path / "store"
    needles = (b"zquvbjkw", b"Zquvbjkw", b"ylographical", b"q#Q", b"#Q#", b"\xa5\x5a\xa5\xa5\x5a\xa5")
    with closing(SQLStore(f"sqlite:///{path}")) as store:
        run = make_run(domain="rounds")
        store.put_run(run)
        for start in range(0, 3000, 500):
            store.put_samples([make_record(run, start + n, payload=b"\xff", prompt="a b") for n in range(500)])
        secret = make_record(run, 3000, payload=b"abcdabcd", prompt=SECRET, canonical="q#Q#q")
        store.put_samples([secret])
        Index(store.database, store.blobs).catch_up_all()
    # Indexed in several steps, as stores are, so that FTS5 has parts to merge.
    with closing(SQLStore(f"sqlite:///{path}")) as store:
        store.put_samples([make_record(run, 3001 + n, payload=b"\xff", prompt="c d") for n in range(50)])
        Index(store.database, store.blobs).catch_up_all()
    assert [needle for needle in needles if needle not in contents(path)] == []
    with closing(SQLStore(f"sqlite:///{path}")) as store, store.database.writing() as connection:
        forget(connection, [3001])
        columns, values = "kind, target, ref, leaf, reason, created_ns", "'sample', 3001, '', zeroblob(32), '', 1"
        connection.execute(text(f"INSERT INTO tombstone ({columns}) VALUES ({values})"))
        erased = "payload = NULL, canonical = NULL, identity = NULL, prompt = '', salt = NULL, erased_seq = 1"
        connection.execute(text(f"UPDATE sample SET {erased} WHERE id = 3001"))
    assert [needle for needle in needles if needle in contents(path)] == []
    with closing(SQLStore(f"sqlite:///{path}")) as store:
        assert list(store.search(Query(match=SECRET))) == []
        assert len(list(store.search(Query(match="c d")))) == 50


def contents(path: Path) -> bytes:
    """Return what the files hold, vacuumed."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return b"".join(file.read_bytes() for file in path.parent.iterdir() if file.is_file())


def test_large_payloads_make_smaller_pages(store: SQLStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BYTES", 6)
    done: list[int] = []
    Index(store.database, store.blobs, progress=done.append).catch_up(text=True)
    assert done == [2, 4, 6, 8, 10]
    Index(store.database, store.blobs, progress=done.append).catch_up(domain="rounds")
    assert done[5:] == [2, 4, 5]
