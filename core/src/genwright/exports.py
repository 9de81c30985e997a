"""Recorded samples in a file, each with where it comes from."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, nullcontext
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TextIO

from genwright.errors import DataError, UsageError
from genwright.files import compressed, csv_line, replaced
from genwright.options import check_counts, make
from genwright.registry import registry
from genwright.run import Run
from genwright.store import Record, Store, is_text, open_store

if TYPE_CHECKING:
    from genwright.domain import Domain

__all__ = ["COLUMNS", "TABLES", "Export", "export", "origins", "write_table"]

Origin = tuple[Record, Run]
Row = Mapping[str, str | int | None]

COLUMNS = ("id", "item", "flaw", "canonical", "identity", "run", "index", "seed", "domain", "model", "checkpoint")
"""What a table tells of each sample; `checkpoint` is the digest of the model. An item that is no text is a data URL."""


class Export(NamedTuple):
    """What was written: how many samples, and whether the file has room for where each comes from."""

    samples: int
    has_origins: bool


def export(
    path: Path | str,
    *,
    run: str | None = None,
    domain: str | None = None,
    text: str | None = None,
    identity: str | None = None,
    valid: bool | None = None,
    limit: int | None = None,
    store: str | Store | None = None,
    force: bool = False,
) -> Export:
    """Write recorded samples to a file, whole or not at all; where there is no sample, nothing is written.

    path:  ends in .csv or .jsonl, each also with .gz or .xz, for a table of samples of any domain with their origins;
           in anything else for a format of their domain, which has an origin where there is room for it
    run, domain, text, identity, valid, limit: which samples, as `Store.samples` takes them
    force: whether a file of that name is replaced

    Memory stays the same however many there are. An OSError of reading the store, or of a disk that is full, stays one.

    Raises DataError for a file that exists, cannot be made or has an unknown ending, OptionError for a limit that is no
    whole number from 1, UsageError for several domains in a format of one, UnknownName for no such run or domain.
    """
    if limit is not None:
        check_counts(limit=limit)
    opened = open_store(store)
    with nullcontext(opened) if opened is store else closing(opened) as known:
        found = origins(known, run=run, domain=domain, text=text, identity=identity, valid=valid, limit=limit)
        first = next(found, None)
        if first is None:
            return Export(0, True)
        with replaced(Path(path), force=force) as unfinished:
            return _write(chain([first], found), unfinished)


def origins(store: Store, **filters: str | int | None) -> Iterator[Origin]:
    """Yield samples, chosen as `Store.samples` does, each with its run.

    Raises UnknownName if there is no such run, or neither a sample nor such a domain.
    """
    run: Run | None = None
    for record in store.samples(**filters):  # type: ignore[arg-type]
        if run is None or run.id != record.run:
            run = store.run(record.run)
        yield record, run
    if run is None and filters.get("domain") is not None:
        registry().get("domain", str(filters["domain"]))


def write_table(samples: Iterator[Origin], stream: TextIO, ending: str) -> Export:
    """Write samples to a stream as one of TABLES."""
    counter = count()
    TABLES[ending]((sample for sample, _ in zip(samples, counter, strict=False)), stream)
    return Export(next(counter), True)


def _write(samples: Iterator[Origin], path: Path) -> Export:
    compression = path.suffix.lower() if path.suffix.lower() in _COMPRESSIONS else ""
    ending = Path(path.stem if compression else path.name).suffix.lower()
    if ending not in TABLES:
        return _write_items(samples, path)
    with (
        path.open("xb") as raw,
        compressed(raw, compression) as stream,
        io.TextIOWrapper(stream, "utf-8", newline="") as text,
    ):
        return write_table(samples, text, ending)


def _write_items(samples: Iterator[Origin], path: Path) -> Export:
    first = next(samples)
    domain: Domain[object] = make(registry().get("domain", first[1].domain), {})
    counter = count()
    items = _items(chain([first], samples), domain, path)
    try:
        tells = domain.export((item for item, _ in zip(items, counter, strict=False)), path)
    except DataError as error:
        raise DataError(
            f"{error} A {' or '.join(TABLES)} file takes any sample; --valid, or valid=True, chooses valid ones alone."
        ) from error
    return Export(next(counter), tells)


def _items(samples: Iterator[Origin], domain: Domain[object], path: Path) -> Iterator[tuple[object, Mapping[str, str]]]:
    """Yield samples as `Domain.export` takes them."""
    for record, run in samples:
        if run.domain != domain.name:
            raise UsageError(
                f"a file like {path.name} holds items of one domain; these samples are of {domain.name} and of "
                f"{run.domain}. Choose them by a domain or a run, or write a .csv or .jsonl file."
            )
        known = {column: str(value) for column, value in _row(record, run).items() if value is not None}
        yield domain.from_bytes(record.payload), known


def _row(record: Record, run: Run) -> Row:
    values = (record.id, _item(record), record.flaw, record.canonical, record.identity, run.id, record.index)
    return dict(zip(COLUMNS, (*values, record.seed, run.domain, run.model, run.checkpoint), strict=True))


def _item(record: Record) -> str:
    if is_text(record.media_type):
        return record.payload.decode(errors="replace")
    return f"data:{record.media_type};base64,{base64.b64encode(record.payload).decode()}"


def _write_csv(samples: Iterator[Origin], stream: TextIO) -> None:
    stream.write(csv_line(COLUMNS))
    stream.writelines(csv_line(_row(record, run).values()) for record, run in samples)


def _write_jsonl(samples: Iterator[Origin], stream: TextIO) -> None:
    stream.writelines(f"{json.dumps(_row(record, run), ensure_ascii=False)}\n" for record, run in samples)


_COMPRESSIONS = (".gz", ".xz")

TABLES: Mapping[str, Callable[[Iterator[Origin], TextIO], None]] = {".csv": _write_csv, ".jsonl": _write_jsonl}
"""What writes samples as a table to a stream, by the ending of a file."""
