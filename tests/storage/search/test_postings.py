from collections.abc import Iterator, Sequence
from contextlib import closing

import pytest
from sqlalchemy import Connection, insert, select

from genwright.testing.stores import make_record, make_run
from genwright_storage.postgresql import PostgreSQLDatabase
from genwright_storage.rows import new_rows
from genwright_storage.search import postings
from genwright_storage.search.postings import (
    add,
    clear,
    exists,
    has,
    newest,
    numbers,
    rarest,
    remove,
)
from genwright_storage.search.texts import trigrams
from genwright_storage.store import SQLStore
from genwright_storage.tables import batch, sample

ENTRIES = [(id, f"common word{id} {'über' if id % 2 else 'x'}", f"CC{id:03d}(=O)") for id in range(1, 301)]


@pytest.fixture
def connection(team_url: str) -> Iterator[Connection]:
    """One to a store with samples whose ids are 1 to 300, in the index, and 301, which is not."""
    run = make_run()
    with closing(SQLStore(team_url)) as store:
        store.put_run(run)
        assert isinstance(store.database, PostgreSQLDatabase)
        with store.database.writing() as connection:
            key = _first(store, connection, [make_record(run, index) for index in range(301)])
            connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
            connection.exec_driver_sql(f"UPDATE sample SET id = id - {key << 24} + 1")
            add(connection, ENTRIES)
            yield connection


def _first(store: SQLStore, connection: Connection, records: Sequence[object]) -> int:
    """Put samples as the first batch, and return its key."""
    key = connection.exec_driver_sql("SELECT id FROM run").scalar_one()
    values = {"run_id": key, "first_idx": 0, "last_idx": len(records) - 1, "size": len(records), "root": bytes(32)}
    made: int = connection.execute(insert(batch).values(values).returning(batch.c.id)).scalar_one()
    store.database.insert_samples(connection, key, made, new_rows(records, inline=1 << 16))  # type: ignore[arg-type]
    return made


def found(
    connection: Connection,
    words: Sequence[str] = (),
    letters: Sequence[str] = (),
    between: tuple[int, int] = (0, 1000),
    count: int = 1000,
) -> list[int]:
    return [id for (id,) in newest(connection, select(sample.c.id), words, letters, between, count)]


@pytest.mark.parametrize("recent", [(1000,), (7, 20), ()])
def test_words_and_letters_are_found_the_newest_first(
    connection: Connection, monkeypatch: pytest.MonkeyPatch, recent: tuple[int, ...]
) -> None:
    monkeypatch.setattr(postings, "_RECENT", recent)
    monkeypatch.setattr(postings, "_AT_ONCE", 40)
    monkeypatch.setattr(postings, "_ROWS", 11)
    assert found(connection, ["word7"]) == [7]
    assert found(connection, ["common", "über"]) == list(range(299, 0, -2))
    assert found(connection, ["word"]) == []
    assert found(connection, letters=["C00", "007"]) == [7]
    assert found(connection, letters=["c00"]) == []
    assert found(connection, ["x"], ["(=O"], count=3) == [300, 298, 296]
    assert found(connection, ["common"], between=(3, 7)) == [6, 5, 4]
    assert found(connection, ["common"], between=(3, 4)) == []


def test_what_else_is_asked_does_not_end_the_search_too_early(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postings, "_RECENT", (10,))
    monkeypatch.setattr(postings, "_AT_ONCE", 20)
    asked = select(sample.c.id).where(sample.c.idx % 50 == 0)
    assert [id for (id,) in newest(connection, asked, ["common"], [], (0, 300), 4)] == [251, 201, 151, 101]


@pytest.mark.parametrize("rows", [1000, 1])
def test_whether_a_sample_has_them_is_asked_of_the_index(
    connection: Connection, monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    monkeypatch.setattr(postings, "_ROWS", rows)

    def asked(words: Sequence[str], letters: Sequence[str] = ()) -> list[int]:
        found = select(sample.c.id).where(has(connection, words, letters))
        return sorted(connection.execute(found).scalars())

    assert asked(["word7", "common"]) == asked([], ["007"]) == asked(["word7"], ["CC0"]) == [7]
    assert asked(["word7"], ["008"]) == []


def test_words_are_numbers_below_zero_and_threes_of_bytes_are_not() -> None:
    assert numbers([], ["CCO", "CO", ""]) == [0x43434F]
    assert numbers([], ["日本"]) == sorted([0xE697A5, 0x97A5E6, 0xA5E69C, 0xE69CAC])
    assert len(numbers(["a", "b", "a"], [])) == 2
    assert all(-(1 << 31) <= number < 0 for number in numbers([str(n) for n in range(1000)], []))
    assert set(numbers([], trigrams("benzene ring"))) == set(numbers([], ["benzene ring"]))


def test_the_rarest_letters_are_asked_for(connection: Connection) -> None:
    assert set(rarest(connection, trigrams("CC123(=O)"))) >= {"123", "23(", "C12"}
    assert len(rarest(connection, trigrams("CC123(=O)"))) == 5
    assert rarest(connection, ["(=O"]) == ["(=O"]


def test_what_is_removed_is_found_no_more(connection: Connection) -> None:
    remove(connection, ENTRIES[6:8])
    assert found(connection, ["word7"]) == found(connection, letters=["007"]) == []
    assert len(found(connection, ["common"])) == 298
    clear(connection)
    assert found(connection, ["common"]) == []
    assert exists(connection)
