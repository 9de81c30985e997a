"""The index by which samples are found. It is no evidence: it is made from the rows, and can be made again.

What is recorded is not indexed at once, so that recording stays fast. A search first brings the index up to date, in
pages, each in a short transaction of its own; where it cannot, it looks at the rest of the rows themselves.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, final

from sqlalchemy import Column, ColumnElement, Connection, Select, delete, func, insert, select

from genwright.likeness import fingerprints_of
from genwright.options import make
from genwright.query import as_number, searched_words
from genwright.registry import registry
from genwright.store import Progress, Record, is_text
from genwright_storage import queries, rows
from genwright_storage.database import Database
from genwright_storage.errors import translated
from genwright_storage.search import fingerprints
from genwright_storage.search.texts import Entry, text_index
from genwright_storage.tables import run, run_condition, sample, search_state

__all__ = [
    "CONDITIONS",
    "FOUND",
    "TEXT",
    "Index",
    "Kind",
    "Payloads",
    "condition_values",
    "fingerprint_kind",
    "forget",
    "last_indexed",
    "record_of",
]

FOUND: Select[Any] = queries.SAMPLES.add_columns(sample.c.id).where(sample.c.erased_seq.is_(None))
"""Samples that were not erased, as `queries.SAMPLES` has them, with their ids last."""

# So many rows are added at once, or fewer whose payloads have so many bytes. Computing the fingerprints of a page takes
# some seconds, and may be spread over processes, which take half a second to start.
_PAGE, _COMPUTED, _BYTES = 4000, 16_000, 1 << 25


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A part of the index: its name, and the version of what is written to it."""

    name: str
    version: str


# Which letters there are, and how they fold, is Python's to say; with other words, the index is made anew.
TEXT: Final = Kind(name="text", version=f"1/{unicodedata.unidata_version}")
CONDITIONS: Final = Kind(name="conditions", version="1")


def fingerprint_kind(domain: str) -> Kind:
    """Return the part with the fingerprints of a domain. Raises UnknownName where its plugin is not installed."""
    return Kind(name=f"fingerprints of {domain}", version=registry().get("domain", domain).label)


def last_indexed(connection: Connection, kind: Kind) -> int:
    """Return up to which id the rows are in a part of the index."""
    asked = select(search_state.c.last_id).where(
        search_state.c.kind == kind.name, search_state.c.version == kind.version
    )
    last: int | None = connection.execute(asked).scalar()
    return 0 if last is None or (kind is TEXT and not text_index(connection).exists(connection)) else last


def record_of(row: Any, payload: bytes | None = None) -> Record:
    """Return the record of a row of `FOUND`; a payload that is kept as a file is empty unless it is given."""
    *columns, inline, _, _ = row
    return rows.record_from(columns, payload or inline or b"")


def forget(connection: Connection, samples: Sequence[int] = (), *, runs: Sequence[int] = ()) -> None:
    """Remove samples and runs from the index. It has to be called before their rows are erased, in one transaction.

    samples, runs: their ids in the database

    Nothing of what was in them alone is then in the index; free pages of the file hold it until they are vacuumed.
    """
    connection.execute(delete(run_condition).where(run_condition.c.run_id.in_(runs)))
    fingerprints.remove(connection, samples)
    last = last_indexed(connection, TEXT)
    if not last and text_index(connection).exists(connection):
        text_index(connection).clear(connection)
    entries = []
    for id in samples:
        row = connection.execute(FOUND.where(sample.c.id == id, sample.c.id <= last)).first()
        entries += [] if row is None else [_entry(row)]
    if entries:
        text_index(connection).remove(connection, entries)


class Payloads(Protocol):
    """Where payloads are that are too large for a row."""

    def get(self, digest: bytes) -> bytes:
        """Return the bytes of a digest."""


@final
class Index:
    """What brings the index of a store up to date.

    progress: called with `count`, how many rows were indexed since this was made
    """

    def __init__(self, database: Database, blobs: Payloads, *, progress: Progress | None = None) -> None:
        self._database, self._blobs = database, blobs
        self._progress, self.count = progress or (lambda _: None), 0

    def catch_up(self, *, text: bool = False, conditions: bool = False, domain: str | None = None) -> None:
        """Add new rows to parts of the index.

        domain: whose fingerprints are to be added

        Raises UnknownName for a domain that is not installed.
        """
        if conditions:
            self._catch_up(_Conditions())
        if text:
            self._catch_up(_Texts())
        if domain is not None:
            self._catch_up(_Fingerprints(domain, self.payload))

    def catch_up_all(self) -> None:
        """Add new rows to every part; the fingerprints of domains that are not installed are left for later."""
        with self._database.reading() as connection:
            present = connection.execute(select(run.c.domain).distinct().order_by(run.c.domain)).scalars().all()
        self.catch_up(text=True, conditions=True)
        for spec in registry().specs("domain"):
            if spec.name in present and spec.fingerprints:
                self.catch_up(domain=spec.name)

    def clear(self) -> None:
        """Forget all, so that it is made anew. Raises Forbidden for who is no admin."""
        self._database.require("admin")
        with self._database.indexing() as connection:
            connection.execute(delete(search_state))

    def payload(self, row: Any) -> bytes:
        """Return the payload of a row of `FOUND`, wherever it is kept."""
        *_, payload, digest, _ = row
        if payload is None:
            with translated(self._database.url):
                return self._blobs.get(digest)
        return bytes(payload)

    def _catch_up(self, part: _Part) -> None:
        horizon = self._database.horizon(part.id)
        while True:
            with self._database.reading() as connection:
                last = last_indexed(connection, part.kind)
                found, end = part.read(connection, last, horizon)
                before = last, _erased(connection, part, last, end)
            if end <= last:
                return
            entries = part.prepared(found)
            with self._database.indexing() as connection:
                # Another process may have been faster, or have erased what was read; then all is looked at again.
                if (last_indexed(connection, part.kind), _erased(connection, part, last, end)) != before:
                    continue
                if not last:
                    part.clear(connection)
                part.write(connection, entries)
                mark(connection, part.kind, end)
            self.count += len(found)
            self._progress(self.count)


class _Part(Protocol):
    """How one part of the index is made from rows."""

    @property
    def kind(self) -> Kind:
        """Its name and version."""

    @property
    def id(self) -> Column[int]:
        """The key by which the rows are gone through."""

    @property
    def is_erased(self) -> ColumnElement[bool]:
        """Whether a row was erased."""

    def read(self, connection: Connection, last: int, horizon: int) -> tuple[Sequence[Any], int]:
        """Return a page of the rows that come after `last`, up to `horizon`, and up to which id that is all."""

    def prepared(self, found: Sequence[Any]) -> Any:
        """Return what is written of them, which may take its time."""

    def write(self, connection: Connection, entries: Any) -> None:
        """Write it."""

    def clear(self, connection: Connection) -> None:
        """Begin with nothing."""


@final
class _Texts:
    kind, id, is_erased = TEXT, sample.c.id, sample.c.erased_seq.is_not(None)

    def read(self, connection: Connection, last: int, horizon: int) -> tuple[Sequence[Any], int]:
        return _page(
            connection,
            FOUND.where(sample.c.id > last),
            sample.c.id,
            horizon,
            _PAGE,
            lambda row: len(row.payload or b""),
        )

    def prepared(self, found: Sequence[Any]) -> list[Entry]:
        return [_entry(row) for row in found]

    def write(self, connection: Connection, entries: list[Entry]) -> None:
        text_index(connection).add(connection, entries)

    def clear(self, connection: Connection) -> None:
        text_index(connection).clear(connection)


@final
class _Conditions:
    kind, id, is_erased = CONDITIONS, run.c.id, run.c.salt == b""

    def read(self, connection: Connection, last: int, horizon: int) -> tuple[Sequence[Any], int]:
        asked = select(run.c.config, run.c.id).where(run.c.id > last)
        return _page(connection, asked, run.c.id, horizon, _PAGE, lambda row: len(row.config))

    def prepared(self, found: Sequence[Any]) -> list[dict[str, Any]]:
        asked = [(id, condition_values(config)) for config, id in found]
        return [{"run_id": id, **values} for id, conditions in asked for values in conditions]

    def write(self, connection: Connection, entries: list[dict[str, Any]]) -> None:
        if entries:
            connection.execute(insert(run_condition), entries)

    def clear(self, connection: Connection) -> None:
        connection.execute(delete(run_condition))


@final
class _Fingerprints:
    id, is_erased = sample.c.id, sample.c.erased_seq.is_not(None)

    def __init__(self, domain: str, payload: Callable[[Any], bytes]) -> None:
        self.kind = fingerprint_kind(domain)
        self._spec, self._payload = registry().get("domain", domain), payload

    def read(self, connection: Connection, last: int, horizon: int) -> tuple[Sequence[Any], int]:
        asked = FOUND.where(run.c.domain == self._spec.name, sample.c.id > last)
        payloads: dict[int, bytes] = {}

        def weight(row: Any) -> int:
            payloads[row.id] = self._payload(row)
            return len(payloads[row.id])

        _, end = _page(connection, asked, sample.c.id, horizon, _COMPUTED, weight)
        return list(payloads.items()), end

    def prepared(self, found: Sequence[Any]) -> dict[str, list[tuple[int, bytes]]]:
        computed = fingerprints_of(make(self._spec, {}), [payload for _, payload in found])
        ids = [id for id, _ in found]
        return {
            f"{self._spec.name}/{kind}": [(id, fp) for id, fp in zip(ids, bits, strict=True) if fp is not None]
            for kind, bits in computed.items()
        }

    def write(self, connection: Connection, entries: dict[str, list[tuple[int, bytes]]]) -> None:
        for kind, made in entries.items():
            for start in range(0, len(made), fingerprints.PAGE):
                fingerprints.add(connection, kind, made[start : start + fingerprints.PAGE])

    def clear(self, connection: Connection) -> None:
        fingerprints.clear(connection, [f"{self._spec.name}/{kind}" for kind in self._spec.fingerprints])


def condition_values(config: str) -> Iterator[dict[str, Any]]:
    """Yield what a run asked for, as rows of `run_condition` have it."""
    where = json.loads(config).get("where") if config else None
    for name, value in where.items() if isinstance(where, dict) else ():
        is_word = isinstance(value, str)
        yield {"name": name, "number": None if is_word else as_number(value), "word": value if is_word else None}


def _entry(row: Any) -> Entry:
    record = record_of(row)
    payload = record.payload.decode(errors="replace") if is_text(record.media_type) else ""
    texts = [text for text in dict.fromkeys((record.canonical or "", payload)) if text]
    return row.id, " ".join(searched_words(record)), "\n".join(texts).replace("\0", " ")


def _page(
    connection: Connection, asked: Select[Any], id: Column[Any], horizon: int, size: int, weight: Callable[[Any], int]
) -> tuple[Sequence[Any], int]:
    """Return the first rows, by id, and up to which id that is all there is."""
    found, total = [], 0
    asked = asked.where(id <= horizon).order_by(id).limit(size)
    with connection.execute(asked.execution_options(yield_per=100)) as rows:
        for row in rows:
            found.append(row)
            total += weight(row)
            if len(found) == size or total > _BYTES:
                return found, row.id
    return found, horizon


def _erased(connection: Connection, part: _Part, last: int, end: int) -> int:
    """Return how many rows of a page were erased."""
    asked = select(func.count()).where(part.id > last, part.id <= end, part.is_erased)
    return connection.execute(asked).scalar_one()


def mark(connection: Connection, kind: Kind, last: int) -> None:
    """Write down up to which id the rows are in a part of the index."""
    connection.execute(delete(search_state).where(search_state.c.kind == kind.name))
    values = {"kind": kind.name, "version": kind.version, "last_id": last}
    connection.execute(insert(search_state).values(values))
