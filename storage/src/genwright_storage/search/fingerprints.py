"""Fingerprints as the index keeps them: of up to a thousand samples a row, so that a million are soon compared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy import ndarray
from sqlalchemy import Connection, delete, func, insert, select

from genwright.likeness import covers, distances, fingerprint_matrix, is_near
from genwright.query import Like
from genwright_storage.tables import fingerprint

__all__ = ["PAGE", "Page", "add", "clear", "covering", "nearest", "pages", "remove"]

PAGE = 1000
"""The most samples whose fingerprints are in one row."""

_ID = np.dtype("<i8")


class Page(NamedTuple):
    """The ids of some samples, ascending, and the bits of each as a row; none of the samples is older than `first`."""

    first: int
    ids: ndarray
    bits: ndarray

    @classmethod
    def of(cls, found: Sequence[tuple[int, bytes]]) -> Page:
        """Return the page of some samples, by ascending id."""
        ids = np.array([id for id, _ in found], dtype=_ID)
        return cls(found[0][0], ids, fingerprint_matrix([bits for _, bits in found]))


def add(connection: Connection, kind: str, found: Sequence[tuple[int, bytes]]) -> None:
    """Add the fingerprints of samples, by ascending id, all newer than those that are there."""
    if found:
        connection.execute(insert(fingerprint).values(_row(kind, Page.of(found))))


def clear(connection: Connection, kinds: Sequence[str]) -> None:
    """Remove all fingerprints of some kinds."""
    connection.execute(delete(fingerprint).where(fingerprint.c.kind.in_(kinds)))


def remove(connection: Connection, ids: Sequence[int]) -> None:
    """Remove the fingerprints of samples, of every kind."""
    for kind in connection.execute(select(fingerprint.c.kind).distinct()).scalars().all():
        for id in ids:
            last = select(func.max(fingerprint.c.first_id)).where(
                fingerprint.c.kind == kind, fingerprint.c.first_id <= id
            )
            first = connection.execute(last).scalar()
            if first is not None:
                _remove(connection, kind, first, id)


def pages(connection: Connection, kind: str, *, below: int) -> Iterator[Page]:
    """Yield the fingerprints of samples whose id is lower, newest first."""
    columns = select(fingerprint.c.first_id, fingerprint.c.samples, fingerprint.c.bits)
    found = columns.where(fingerprint.c.kind == kind, fingerprint.c.first_id < below)
    ordered = found.order_by(fingerprint.c.first_id.desc()).execution_options(yield_per=8)
    with connection.execute(ordered) as rows:
        for row in rows:
            page = _page(*row)
            keep = int(np.searchsorted(page.ids, below))
            yield Page(page.first, page.ids[:keep], page.bits[:keep])


def covering(page: Page, bits: bytes) -> list[int]:
    """Return the ids of a page whose fingerprints have all of the bits, descending."""
    found: list[int] = page.ids[covers(bits, page.bits)][::-1].tolist()
    return found


def nearest(like: Like, page: Page) -> list[tuple[float, int]]:
    """Return the keys of those of a page that are near enough: how far away they are, and their ids below zero."""
    found = distances(like, page.bits)
    near = is_near(like, found)
    return list(zip(found[near].tolist(), (-page.ids[near]).tolist(), strict=True))


def _remove(connection: Connection, kind: str, first: int, id: int) -> None:
    place = fingerprint.c.kind == kind, fingerprint.c.first_id == first
    page = _page(first, *connection.execute(select(fingerprint.c.samples, fingerprint.c.bits).where(*place)).one())
    keep = page.ids != id
    if keep.all():
        return
    connection.execute(delete(fingerprint).where(*place))
    if keep.any():
        connection.execute(insert(fingerprint).values(_row(kind, Page(first, page.ids[keep], page.bits[keep]))))


def _row(kind: str, page: Page) -> dict[str, str | int | bytes]:
    return {"kind": kind, "first_id": page.first, "samples": page.ids.tobytes(), "bits": page.bits.tobytes()}


def _page(first: int, samples: bytes, bits: bytes) -> Page:
    ids = np.frombuffer(samples, dtype=_ID)
    return Page(first, ids, np.frombuffer(bits, dtype=np.uint8).reshape(len(ids), -1))
