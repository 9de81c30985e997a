"""The index of texts in SQLite: two tables of FTS5 that keep no text, only in which samples words and letters are.

What a word is, `genwright.query.words` says, for all stores alike; FTS5 only looks it up. A part of a text is looked
for by the letters in it, three at a time; a sample that has all of these is then read, to see whether they stand so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, FromClause, Row, Select, and_, column, select, table

from genwright_storage.search.texts import Entry
from genwright_storage.tables import sample

__all__ = ["add", "clear", "driver", "exists", "has", "newest", "rarest", "remove"]

# So many threes of letters are asked for together, the rarest of them: each more costs a way through all samples that
# have it. What they let through is read.
_MOST = 5
# How rare one is, the age of the hundredth newest sample that has it tells.
_DEPTH = 100

# The hidden column of the table's own name is what MATCH is asked of.
_words = table("word_index", column("rowid"), column("word_index"))
_letters = table("letter_index", column("rowid"), column("letter_index"))

_CREATE = (
    "CREATE VIRTUAL TABLE IF NOT EXISTS word_index USING fts5"
    "(words, tokenize='ascii', detail=none, columnsize=0, content='')",
    "CREATE VIRTUAL TABLE IF NOT EXISTS letter_index USING fts5"
    "(letters, tokenize='trigram case_sensitive 1', detail=none, columnsize=0, content='')",
)


def exists(connection: Connection) -> bool:
    """Whether there is an index."""
    found = connection.exec_driver_sql(
        "SELECT count(*) FROM sqlite_master WHERE name IN ('word_index', 'letter_index')"
    )
    return bool(found.scalar() == 2)


def clear(connection: Connection) -> None:
    """Make the index anew, with nothing in it."""
    for statement in ("DROP TABLE IF EXISTS word_index", "DROP TABLE IF EXISTS letter_index", *_CREATE):
        connection.exec_driver_sql(statement)


def add(connection: Connection, entries: Iterable[Entry]) -> None:
    """Add samples that are not in the index."""
    found = list(entries)
    _run(connection, "INSERT INTO word_index (rowid, words) VALUES (?, ?)", [(id, words) for id, words, _ in found])
    _run(connection, "INSERT INTO letter_index (rowid, letters) VALUES (?, ?)", [(id, text) for id, _, text in found])


def remove(connection: Connection, entries: Iterable[Entry]) -> None:
    """Remove samples, given as they were added, so that nothing tells any more what was in them alone.

    What is removed is only noted by FTS5, until its parts are merged into one; that takes a second or two a million
    samples. The pages that then are free keep their bytes until the file is vacuumed or they are overwritten.
    """
    found = list(entries)
    words = "INSERT INTO word_index (word_index, rowid, words) VALUES ('delete', ?, ?)"
    letters = "INSERT INTO letter_index (letter_index, rowid, letters) VALUES ('delete', ?, ?)"
    _run(connection, words, [(id, text) for id, text, _ in found])
    _run(connection, letters, [(id, text) for id, _, text in found])
    for name in ("word_index", "letter_index"):
        connection.exec_driver_sql(f"INSERT INTO {name} ({name}) VALUES ('optimize')")


def has(_: Connection, words: Sequence[str], letters: Sequence[str]) -> ColumnElement[bool]:
    """Whether a sample that is in the index has all of the words and threes of letters."""
    parts = [_has_letters(letters)] if letters else []
    parts += [sample.c.id.in_(select(_words.c.rowid).where(_matching(_words.c.word_index, words)))] if words else []
    return and_(*parts)


def driver(
    words: Sequence[str], letters: Sequence[str]
) -> tuple[FromClause, list[ColumnElement[bool]], ColumnElement[int]]:
    """Return the table to go through, newest first, what to ask of it, and its column that is the id of a sample."""
    if words:
        return (
            _words,
            [_matching(_words.c.word_index, words), *([_has_letters(letters)] if letters else [])],
            _words.c.rowid,
        )
    return _letters, [_matching(_letters.c.letter_index, letters)], _letters.c.rowid


def newest(
    connection: Connection,
    asked: Select[Any],
    words: Sequence[str],
    letters: Sequence[str],
    between: tuple[int, int],
    count: int,
) -> Sequence[Row[Any]]:
    """Return the newest rows of samples with all of the words and letters. See `TextIndex`."""
    table, terms, id = driver(words, letters)
    above, below = between
    found = asked.join(table, id == sample.c.id).where(*terms, id > above, id < below)
    return connection.execute(found.order_by(id.desc()).limit(count)).all()


def rarest(connection: Connection, letters: Sequence[str]) -> list[str]:
    """Return the rarest of some threes of letters, which is told by the newest samples."""
    ages = {one: _age(connection, one) for one in letters} if len(letters) > _MOST else dict.fromkeys(letters, 0)
    return sorted(letters, key=lambda one: ages[one])[:_MOST]


def _has_letters(letters: Sequence[str]) -> ColumnElement[bool]:
    return sample.c.id.in_(select(_letters.c.rowid).where(_matching(_letters.c.letter_index, letters)))


def _age(connection: Connection, letters: str) -> int:
    id = _letters.c.rowid
    having = select(id).where(_matching(_letters.c.letter_index, [letters])).order_by(id.desc())
    return connection.execute(having.offset(_DEPTH).limit(1)).scalar() or 0


def _matching(asked: ColumnElement[Any], terms: Sequence[str]) -> ColumnElement[bool]:
    # In quotation marks nothing is an operator of FTS5; one inside is written twice.
    terms = [term.replace('"', '""') for term in terms]
    return asked.op("MATCH")(" AND ".join(f'"{term}"' for term in terms))


def _run(connection: Connection, statement: str, rows: list[tuple[Any, ...]]) -> None:
    if rows:
        connection.exec_driver_sql(statement, rows)
