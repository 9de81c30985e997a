from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, select

from genwright_storage.search.fulltext import add, clear, driver, exists, rarest, remove
from genwright_storage.search.texts import trigrams
from genwright_storage.sqlite import SQLiteDatabase

ENTRIES = [(id, f"common word{id} {'über' if id % 2 else 'x'}", f"CC{id:03d}(=O)") for id in range(1, 301)]


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    with (
        closing(SQLiteDatabase(f"sqlite:///{tmp_path / 'store'}", patience=1)) as database,
        database.writing() as connection,
    ):
        assert not exists(connection)
        clear(connection)
        add(connection, ENTRIES)
        yield connection


def found(connection: Connection, words: Sequence[str] = (), letters: Sequence[str] = ()) -> list[int]:
    table, terms, id = driver(words, letters)
    return list(connection.execute(select(id).select_from(table).where(*terms).order_by(id.desc())).scalars())


def test_words_and_letters_are_found(connection: Connection) -> None:
    assert exists(connection)
    assert found(connection, ["word7"]) == [7]
    assert found(connection, ["common", "über"])[:2] == [299, 297]
    assert found(connection, ["word"]) == []
    assert found(connection, letters=["C00", "007"]) == [7]
    assert found(connection, letters=["c00"]) == []


def test_what_is_in_quotation_marks_is_no_operator(connection: Connection) -> None:
    add(connection, [(1000, "and or not", 'a"b*c^d:e')])
    assert found(connection, ["and", "not"]) == [1000]
    assert found(connection, letters=trigrams('a"b*c^d:e')) == [1000]


def test_the_rarest_letters_are_asked_for(connection: Connection) -> None:
    assert set(rarest(connection, trigrams("CC123(=O)"))) >= {"123", "23(", "C12"}
    assert len(rarest(connection, trigrams("CC123(=O)"))) == 5
    assert rarest(connection, ["(=O"]) == ["(=O"]


def test_what_is_removed_is_found_no_more(connection: Connection) -> None:
    remove(connection, ENTRIES[6:8])
    assert found(connection, ["word7"]) == []
    assert found(connection, letters=["007"]) == []
    assert len(found(connection, ["common"])) == 298


def test_a_cleared_index_is_empty(connection: Connection) -> None:
    clear(connection)
    assert found(connection, ["common"]) == []
    assert exists(connection)
