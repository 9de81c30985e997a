"""The index of texts in PostgreSQL: a row a sample, its words and threes of letters as numbers, found by GIN.

What a word is, `genwright.query.words` says, for all stores alike. Threes are of bytes in UTF-8, which fit an integer;
words are numbers below 0, by a checksum. Two words may so have one number; who asks reads what was found.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import ARRAY, BigInteger, ColumnElement, Connection, Integer, Row, Select, any_, delete, literal, select

from genwright_storage.search.texts import Entry
from genwright_storage.tables import sample, text_index

__all__ = ["add", "clear", "exists", "has", "newest", "numbers", "rarest", "remove"]

# GIN gives all samples that have something, in no order. What many have is soon met among the newest, so that so many
# of these are gone through first.
_RECENT = (1000, 4000, 16_000)
_AT_ONCE, _ROWS = 1 << 16, 1000
# So many threes are asked for together, the rarest among so many samples.
_MOST, _TOLD = 5, 1000

_LOOK = """
SELECT coalesce(array_agg(sample_id ORDER BY sample_id DESC) FILTER (WHERE terms @> %s::int[]), '{}'),
  min(sample_id), count(*)
FROM (
  SELECT sample_id, terms FROM text_index WHERE sample_id > %s AND sample_id < %s ORDER BY sample_id DESC LIMIT %s
) AS recent
"""
# Asked for more, the planner may go through all there are by their ids: before it was told how many have what.
_FIND = """
WITH found AS MATERIALIZED (SELECT sample_id FROM text_index WHERE terms @> %s::int[])
SELECT sample_id FROM found WHERE sample_id > %s AND sample_id < %s ORDER BY sample_id DESC LIMIT %s
"""
_COUNT = """
SELECT term, count(*)
FROM (SELECT terms FROM text_index ORDER BY sample_id DESC LIMIT %s) AS recent, unnest(terms) AS term
WHERE term = ANY(%s::int[]) GROUP BY term
"""


def exists(_: Connection) -> bool:
    """Return True: the table is made with the others."""
    return True


def clear(connection: Connection) -> None:
    """Remove all."""
    connection.execute(delete(text_index))


def add(connection: Connection, entries: Iterable[Entry]) -> None:
    """Add samples that are not in the index."""
    raw: Any = connection.connection.driver_connection
    with raw.cursor() as cursor, cursor.copy("COPY text_index (sample_id, terms) FROM STDIN") as copy:
        for id, words, text in entries:
            copy.write_row((id, f"{{{','.join(map(str, numbers(words.split(' ') if words else (), [text])))}}}"))


def remove(connection: Connection, entries: Iterable[Entry]) -> None:
    """Remove samples. Their rows are gone from the disk when the table is vacuumed."""
    connection.execute(delete(text_index).where(text_index.c.sample_id.in_([id for id, _, _ in entries])))


def has(connection: Connection, words: Sequence[str], letters: Sequence[str]) -> ColumnElement[bool]:
    """Whether a sample that is in the index has all of the words and threes of letters."""
    terms = numbers(words, letters)
    raw: Any = connection.connection.driver_connection
    few = [id for (id,) in raw.execute(_FIND, (terms, -1, 1 << 62, _ROWS))]
    if len(few) < _ROWS:
        return sample.c.id == any_(literal(few, ARRAY(BigInteger)))
    indexed = select(text_index.c.sample_id).where(text_index.c.sample_id == sample.c.id)
    return indexed.where(text_index.c.terms.op("@>")(literal(terms, ARRAY(Integer)))).correlate(sample).exists()


def rarest(connection: Connection, letters: Sequence[str]) -> list[str]:
    """Return the rarest of some threes of letters, which is told by the newest samples."""
    if len(letters) <= _MOST:
        return list(letters)
    raw: Any = connection.connection.driver_connection
    counted = dict(raw.execute(_COUNT, (_TOLD, numbers((), letters))))
    return sorted(letters, key=lambda one: min(counted.get(term, 0) for term in numbers((), [one])))[:_MOST]


def newest(
    connection: Connection,
    asked: Select[Any],
    words: Sequence[str],
    letters: Sequence[str],
    between: tuple[int, int],
    count: int,
) -> Sequence[Row[Any]]:
    """Return the newest rows of samples with all of the words and letters. See `TextIndex`."""
    found: list[Row[Any]] = []
    for ids in _found(connection, numbers(words, letters), *between):
        for start in range(0, len(ids), _ROWS):
            part = literal(ids[start : start + _ROWS], ARRAY(BigInteger))
            page = asked.where(sample.c.id == any_(part)).order_by(sample.c.id.desc())
            found += connection.execute(page.limit(count - len(found))).all()
            if len(found) == count:
                return found
    return found


def numbers(words: Iterable[str], texts: Iterable[str]) -> list[int]:
    """Return the numbers of words, and of the threes of letters in texts."""
    found = {-1 - (zlib.crc32(word.encode()) & 0x7FFFFFFF) for word in words}
    for data in (text.encode() for text in texts):
        threes = zip(data, data[1:], data[2:], strict=False)
        found.update(first << 16 | second << 8 | third for first, second, third in threes)
    return sorted(found)


def _found(connection: Connection, terms: list[int], above: int, below: int) -> Iterator[list[int]]:
    """Yield the ids of the samples between two that have all terms, the newest first, some at a time."""
    raw: Any = connection.connection.driver_connection
    for size in _RECENT:
        ids, oldest, seen = raw.execute(_LOOK, (terms, above, below, size)).fetchone()
        yield ids
        if seen < size:
            return
        below = oldest
    while True:
        ids = [id for (id,) in raw.execute(_FIND, (terms, above, below, _AT_ONCE))]
        yield ids
        if len(ids) < _AT_ONCE:
            return
        below = ids[-1]
