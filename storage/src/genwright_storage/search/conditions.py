"""What a query asks, in SQL."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, func, or_, select

from genwright.query import Bounds, Query, as_number
from genwright_storage import queries
from genwright_storage.search.index import CONDITIONS, last_indexed
from genwright_storage.search.texts import text_index
from genwright_storage.tables import run, run_condition, sample, score

__all__ = ["narrowed", "of_samples", "runs_asked", "scored", "span", "within"]


def runs_asked(connection: Connection, query: Query, domain: str | None) -> Select[int] | None:
    """Return what selects the keys of the runs whose samples are asked for, or None for all runs.

    domain: of what the samples are compared with
    """
    conditions = [run.c.domain == name for name in (query.domain, domain) if name is not None]
    if query.run is not None:
        conditions.append(run.c.uid == query.run)
    if query.where:
        conditions.append(_asking(connection, query))
    return select(run.c.id).where(*conditions) if conditions else None


def of_samples(query: Query) -> list[ColumnElement[bool]]:
    """Return what is asked of samples: all but the words, which SQL cannot tell, and the first of the scores."""
    conditions = queries.filters(text=query.text, identity=query.identity, valid=query.valid)
    for metric, bounds in list(query.scores.items())[1:]:
        conditions.append(_has_score(metric, bounds))
    return conditions


def scored(query: Query) -> ColumnElement[bool] | None:
    """Return whether a sample has the first of the scores, or None where no score is asked for."""
    return next((_has_score(metric, bounds) for metric, bounds in query.scores.items()), None)


def narrowed(
    connection: Connection, words: Sequence[str], letters: Sequence[str], last: int
) -> list[ColumnElement[bool]]:
    """Return what the index of texts can tell beforehand of samples with all of the words and letters.

    last: up to which id samples are in it
    """
    if not last or not (words or letters):
        return []
    return [or_(sample.c.id > last, text_index(connection).has(connection, words, letters))]


def within(column: ColumnElement[Any], bounds: Bounds) -> ColumnElement[bool]:
    """Return whether a number is within bounds."""
    return and_(column >= bounds[0], column <= bounds[1])


def span(connection: Connection, runs: Select[int]) -> tuple[int, int]:
    """Return the ids of the oldest and the newest sample of some runs; (1, 0) if there is none."""
    oldest, newest = (
        select(extreme(sample.c.id)).where(sample.c.run_id == run.c.id).correlate(run).scalar_subquery()
        for extreme in (func.min, func.max)
    )
    low, high = connection.execute(select(func.min(oldest), func.max(newest)).where(run.c.id.in_(runs))).one()
    return (1, 0) if low is None else (low, high)


def _has_score(metric: str, bounds: Bounds) -> ColumnElement[bool]:
    recorded = select(score.c.id).where(score.c.run_id == sample.c.run_id, score.c.idx == sample.c.idx)
    return recorded.where(score.c.metric == metric, within(score.c.value, bounds)).correlate(sample).exists()


def _asking(connection: Connection, query: Query) -> ColumnElement[bool]:
    """Return whether a run asked for what it is to have asked for; of those not in the index, their own words tell."""
    last = last_indexed(connection, CONDITIONS)
    indexed = [run.c.id.in_(_with_condition(name, asked)) for name, asked in query.where.items()]
    rest = connection.execute(select(run.c.id, run.c.config).where(run.c.id > last))
    fitting = [id for id, config in rest if query.asks_of(_where(config))]
    return or_(and_(run.c.id <= last, *indexed), run.c.id.in_(fitting))


def _where(config: str) -> dict[str, Any]:
    where = json.loads(config).get("where") if config else None
    return where if isinstance(where, dict) else {}


def _with_condition(name: str, asked: Bounds | float | str) -> Select[int]:
    known = select(run_condition.c.run_id).where(run_condition.c.name == name)
    if isinstance(asked, tuple):
        return known.where(within(run_condition.c.number, asked))
    number = as_number(asked)
    ways = [] if number is None else [run_condition.c.number == number]
    return known.where(or_(*ways, run_condition.c.word == str(asked)))
