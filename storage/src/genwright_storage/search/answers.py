"""What a query is answered with: from the index, and from the rows that are not in it yet."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, final

from sqlalchemy import Connection, Select, func, select, tuple_

from genwright.domain import Pattern
from genwright.errors import Forbidden, StorageFull, StoreLocked, StoreReadOnly
from genwright.likeness import fingerprints_of, is_in, value_of
from genwright.options import make
from genwright.query import Hit, Like, Place, Query, is_findable
from genwright.registry import registry
from genwright.store import Progress, Record
from genwright_storage import queries
from genwright_storage.database import Database
from genwright_storage.search import conditions, fingerprints
from genwright_storage.search.index import FOUND, TEXT, Index, Payloads, fingerprint_kind, last_indexed, record_of
from genwright_storage.search.texts import text_index, trigrams
from genwright_storage.tables import run, sample, score

__all__ = ["answers"]

_END = (1 << 63) - 1
# The first page is what most look at; the later ones are read to be gone through.
_FIRST, _PAGE = 32, 1000
# So much of what is near is put in order at once, in constant memory; what comes after it is looked for anew.
_BEST = 1 << 16

Row = Sequence[Any]
Key = tuple[float, ...]
Found = tuple[Key, Row, float | None]
Source = Callable[[Connection, int, int, int], Sequence[Row]]
"""Gives the newest rows of `FOUND` between two ids, neither included: (connection, above, below, how many at most)."""


def answers(database: Database, blobs: Payloads, query: Query, *, progress: Progress | None = None) -> Iterator[Hit]:
    """Yield the samples that fit a query, in the order that it says. See `genwright.store.Store.search`."""
    words = [word for word in query.where.values() if isinstance(word, str)]
    if not is_findable(query.text, query.match):
        return iter(())
    if not queries.is_plain(query.identity, query.domain, *query.scores, *query.where, *words):
        return iter(())
    if query.run is not None:
        with database.reading() as connection:
            query = replace(query, run=queries.run_row(connection, query.run).uid)
    return _Answers(database, Index(database, blobs, progress=progress), query).hits()


@final
class _Answers:
    """A search that is under way."""

    def __init__(self, database: Database, index: Index, query: Query) -> None:
        self._database, self._index, self._query = database, index, query
        self._after = query.place
        compared = query.like or query.part
        self._of = _domain(compared.domain if compared else None)
        self._pattern: Pattern[Any] | None = self._of.pattern(query.part.text) if query.part else None
        # Those of one identity are few, and soon looked through.
        letters = trigrams(query.text or "")
        self._has_text = query.identity is None and (query.match is not None or bool(letters))
        self._catch_up()
        with database.reading() as connection:
            self._top = _top(connection) if self._after is None else self._after.top
            self._texts = last_indexed(connection, TEXT) if self._has_text else 0
            self._letters = text_index(connection).rarest(connection, letters) if self._texts else []
            self._bits = last_indexed(connection, fingerprint_kind(compared.domain)) if compared else 0
            self._runs = conditions.runs_asked(connection, query, compared.domain if compared else None)
        self._asked = FOUND.where(sample.c.id <= self._top[0], *conditions.of_samples(query))

    def hits(self) -> Iterator[Hit]:
        """Yield what fits."""
        if self._query.like is not None:
            found = self._nearest(self._query.like)
        else:
            found = self._by_score() if self._query.scores else self._newest()
        for key, row, value in found:
            record = record_of(row)
            if self._fits(row, record):
                record = replace(record, payload=self._index.payload(row))
                yield Hit(record=record, value=value, cursor=self._query.cursor(Place(at=key, top=self._top)))

    def _catch_up(self) -> None:
        """Bring up to date what the search needs; where that cannot be, the rows tell the same, only slower."""
        compared = self._query.like or self._query.part
        try:
            if self._database.is_writable:
                self._index.catch_up(
                    text=self._has_text,
                    conditions=bool(self._query.where),
                    domain=compared.domain if compared else None,
                )
        except (Forbidden, StoreLocked, StoreReadOnly, StorageFull):
            return

    def _fits(self, row: Row, record: Record) -> bool:
        is_fitting = self._query.fits(record)
        if is_fitting and self._pattern is not None:
            return is_in(self._of, self._pattern.is_in, self._index.payload(row))
        return is_fitting

    def _newest(self) -> Iterator[Found]:
        below = self._top[0] + 1 if self._after is None else int(-self._after.at[0])
        edge = self._texts if self._pattern is None else self._bits
        yield from self._paged(self._in_order, edge, below)
        below = min(below, edge + 1)
        if edge and self._pattern is not None:
            yield from self._having_bits(self._pattern, below)
        elif edge:
            yield from self._having_letters(below)

    def _paged(self, source: Source, above: int, below: int) -> Iterator[Found]:
        """Yield the rows that a source gives, page by page: an open cursor would hold a snapshot."""
        size = _FIRST
        while above + 1 < below:
            with self._database.reading() as connection:
                rows = source(connection, above, below, size)
            yield from (((-row[-1],), row, None) for row in rows)
            if len(rows) < size:
                return
            below, size = rows[-1][-1], min(4 * size, _PAGE)

    def _in_order(self, connection: Connection, above: int, below: int, count: int) -> Sequence[Row]:
        """Give rows by id, or by the runs that are asked for where nothing else says better where to look."""
        asked = self._asked.where(sample.c.id > above, sample.c.id < below).order_by(sample.c.id.desc()).limit(count)
        if self._runs is None:
            return connection.execute(asked).all()
        if self._query.identity is not None:
            return connection.execute(asked.where(sample.c.run_id.in_(self._runs))).all()
        return _merged(connection, self._runs, asked, above, below, count)

    def _having_letters(self, below: int) -> Iterator[Found]:
        """Yield what the index of texts finds."""
        above = 0
        if self._runs is not None:
            with self._database.reading() as connection:
                oldest, newest = conditions.span(connection, self._runs)
            above, below = oldest - 1, min(below, newest + 1)
        yield from self._paged(self._of_words, above, below)

    def _of_words(self, connection: Connection, above: int, below: int, count: int) -> Sequence[Row]:
        # Another process may be making the index anew.
        if last_indexed(connection, TEXT) < self._texts:
            return self._in_order(connection, above, below, count)
        asked = self._asked if self._runs is None else self._asked.where(sample.c.run_id.in_(self._runs))
        words, letters = self._query.words, self._letters
        return text_index(connection).newest(connection, asked, words, letters, (above, below), count)

    def _having_bits(self, pattern: Pattern[Any], below: int) -> Iterator[Found]:
        """Yield what has all the bits of the pattern, which then has to be looked at."""
        kind = f"{self._of.name}/{pattern.kind}"
        while True:
            with self._database.reading() as connection:
                is_there = last_indexed(connection, fingerprint_kind(self._of.name)) >= self._bits
                page = next(fingerprints.pages(connection, kind, below=below), None)
                rows = [] if page is None else self._rows(connection, fingerprints.covering(page, pattern.bits))
            if not is_there:
                yield from self._paged(self._in_order, 0, below)
            if page is None or not is_there:
                return
            yield from (((-row[-1],), row, None) for row in rows)
            below = page.first

    def _by_score(self) -> Iterator[Found]:
        metric, bounds = next(iter(self._query.scores.items()))
        asked = self._asked.join(score, (score.c.run_id == sample.c.run_id) & (score.c.idx == sample.c.idx))
        asked = asked.add_columns(score.c.value, score.c.id)
        asked = asked.where(score.c.metric == metric, conditions.within(score.c.value, bounds))
        asked = asked.where(score.c.id <= self._top[1])
        if self._runs is not None:
            asked = asked.where(sample.c.run_id.in_(self._runs))
        asked = asked.order_by(score.c.value.desc(), score.c.id.desc())
        at, size = None if self._after is None else self._after.at, _FIRST
        while True:
            page = asked if at is None else asked.where(tuple_(score.c.value, score.c.id) < tuple_(-at[0], int(-at[1])))
            with self._database.reading() as connection:
                edge = min(self._texts, last_indexed(connection, TEXT))
                narrowed = conditions.narrowed(connection, self._query.words, self._letters, edge)
                rows = connection.execute(page.where(*narrowed).limit(size)).all()
            yield from (((-value, -id), row, value) for *row, value, id in rows)
            if len(rows) < size:
                return
            at, size = (-rows[-1][-2], -rows[-1][-1]), min(4 * size, _PAGE)

    def _nearest(self, like: Like) -> Iterator[Found]:
        at = None if self._after is None else self._after.at
        if first := conditions.scored(self._query):
            self._asked = self._asked.where(first)
        while True:
            keys = heapq.nsmallest(_BEST, (key for key in self._near(like) if at is None or key > at))
            for start in range(0, len(keys), _PAGE):
                part = {int(-id): (distance, id) for distance, id in keys[start : start + _PAGE]}
                with self._database.reading() as connection:
                    rows = {row[-1]: row for row in self._rows(connection, list(part))}
                yield from ((key, rows[id], value_of(like, key[0])) for id, key in part.items() if id in rows)
            if len(keys) < _BEST:
                return
            at = keys[-1]

    def _near(self, like: Like) -> Iterator[tuple[float, int]]:
        """Yield the keys of what is near enough, in no order."""
        with self._database.reading() as connection:
            edge = min(self._bits, last_indexed(connection, fingerprint_kind(like.domain)), self._top[0])
            for page in fingerprints.pages(connection, f"{like.domain}/{like.kind}", below=edge + 1):
                yield from fingerprints.nearest(like, page)
        for _, row, _ in self._paged(self._in_order, edge, self._top[0] + 1):
            bits = fingerprints_of(self._of, [self._index.payload(row)])[like.kind][0]
            if bits is not None:
                yield from fingerprints.nearest(like, fingerprints.Page.of([(row[-1], bits)]))

    def _rows(self, connection: Connection, ids: Sequence[int]) -> Sequence[Row]:
        """Return the rows of those of some samples that fit, newest first."""
        asked = self._asked.where(sample.c.id.in_(ids)).order_by(sample.c.id.desc())
        if self._runs is not None:
            asked = asked.where(sample.c.run_id.in_(self._runs))
        return connection.execute(asked).all()


def _domain(name: str | None) -> Any:
    """Return the domain of this name, or None for none. Raises UnknownName where it is not installed."""
    return None if name is None else make(registry().get("domain", name), {})


def _top(connection: Connection) -> tuple[int, int]:
    """Return the ids of the newest sample and the newest score."""
    newest = (select(func.coalesce(func.max(table.c.id), 0)) for table in (sample, score))
    samples, scores = (connection.execute(asked).scalar_one() for asked in newest)
    return samples, scores


def _merged(
    connection: Connection, runs: Select[int], asked: Select[Any], above: int, below: int, count: int
) -> Sequence[Row]:
    """Return the newest rows of some runs, looking into one after another until the rest are older."""
    latest = select(func.max(sample.c.id)).where(sample.c.run_id == run.c.id, sample.c.id < below)
    newest = latest.correlate(run).scalar_subquery()
    ordered = select(run.c.id, newest.label("newest")).where(run.c.id.in_(runs)).order_by(newest.desc().nulls_last())
    found: list[Row] = []
    for key, id in connection.execute(ordered):
        if id is None or id <= above or (len(found) == count and id < found[-1][-1]):
            break
        found += connection.execute(asked.where(sample.c.run_id == key)).all()
        found = sorted(found, key=lambda row: -row[-1])[:count]
    return found
