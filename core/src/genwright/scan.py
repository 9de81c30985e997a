"""Searching by looking at every sample: slow, and what faster ways are compared with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from genwright.options import make
from genwright.query import Hit, Like, Part, Place, Query
from genwright.registry import registry
from genwright.run import Run
from genwright.store import Record, Score

__all__ = ["scan"]

Found = tuple[tuple[float, ...], Record, float | None]


def scan(
    query: Query, samples: Sequence[Record], scores: Sequence[tuple[str, Score]], runs: Mapping[str, Run]
) -> Iterator[Hit]:
    """Yield the samples that fit, in the order that `Query` says.

    samples, scores: in the order they were put; each score with its run's id
    runs:            by id
    """
    after = query.place
    top = after.top if after else (len(samples), len(scores))
    places = {record.id: place for place, record in enumerate(samples[: top[0]])}
    fitting = {record.id: record for record in samples[: top[0]] if _fits(query, record, runs[record.run])}
    if query.part is not None:
        is_in = _containing(query.part)
        fitting = {id: record for id, record in fitting.items() if is_in(record)}
    known = [(f"{run}/{score.index}", place, score) for place, (run, score) in enumerate(scores[: top[1]])]
    for name, (low, high) in query.scores.items():
        having = {id for id, _, score in known if score.metric == name and low <= score.value <= high}
        fitting = {id: record for id, record in fitting.items() if id in having}
    found: list[Found] = sorted(_ordered(query, fitting, places, known), key=lambda hit: hit[0])
    for key, record, value in found:
        if after is None or key > after.at:
            yield Hit(record=record, value=value, cursor=query.cursor(Place(at=key, top=top)))


def _ordered(
    query: Query, fitting: Mapping[str, Record], places: Mapping[str, int], scores: Sequence[tuple[str, int, Score]]
) -> Iterator[Found]:
    """Yield each sample with the key that it is ordered by, and the value that is told of it."""
    if query.like is not None:
        for record, distance, value in _near(query.like, list(fitting.values())):
            yield (distance, -places[record.id]), record, value
    elif query.scores:
        name, (low, high) = next(iter(query.scores.items()))
        for id, place, score in scores:
            if id in fitting and score.metric == name and low <= score.value <= high:
                yield (-score.value, -place), fitting[id], score.value
    else:
        for id, record in fitting.items():
            yield (-places[id],), record, None


def _fits(query: Query, record: Record, run: Run) -> bool:
    domains = (query.domain, query.like and query.like.domain, query.part and query.part.domain)
    return (
        all(domain in (None, run.domain) for domain in domains)
        and query.run in (None, run.id)
        and (not query.where or query.asks_of(run.config.get("where", {})))
        and query.fits(record)
    )


def _near(like: Like, records: list[Record]) -> Iterator[tuple[Record, float, float]]:
    """Yield what is within the bound, with its distance and the value of that."""
    # Numpy is imported here, so that a store in memory does without where nothing is compared.
    from genwright.likeness import distances, fingerprint_matrix, fingerprints_of, is_near, value_of

    domain = make(registry().get("domain", like.domain), {})
    given = fingerprints_of(domain, [record.payload for record in records]).get(like.kind, [])
    having = [(record, bits) for record, bits in zip(records, given, strict=False) if bits is not None]
    found = distances(like, fingerprint_matrix([bits for _, bits in having]))
    for (record, _), distance, near in zip(having, found.tolist(), is_near(like, found), strict=True):
        if near:
            yield record, distance, value_of(like, distance)


def _containing(part: Part) -> Callable[[Record], bool]:
    from genwright.likeness import is_in

    domain: Any = make(registry().get("domain", part.domain), {})
    pattern = domain.pattern(part.text)
    return lambda record: is_in(domain, pattern.is_in, record.payload)
