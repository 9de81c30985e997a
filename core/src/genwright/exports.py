"""Recorded samples in a file, each with where it comes from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, nullcontext
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO

from genwright.errors import DataError, UsageError
from genwright.exporters import csv, jsonl
from genwright.exporters.row import COLUMNS, Origin, row
from genwright.files import replaced
from genwright.options import check_counts, checked, given_to, make
from genwright.registry import registry
from genwright.run import Run
from genwright.specs import ExporterSpec
from genwright.store import Store, open_store

if TYPE_CHECKING:
    from genwright.domain import Domain

__all__ = ["COLUMNS", "TABLES", "Export", "export", "exporter_of", "origins", "write_table"]


class Export(NamedTuple):
    """What was written: how many samples, and whether the file has room for where each comes from."""

    samples: int
    has_origins: bool


def export(
    path: Path | str,
    *,
    format: str | None = None,
    options: Mapping[str, Any] | None = None,
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

    path:    ends in .csv or .jsonl, each also with .gz or .xz, or in what else a format of samples of any domain ends
             in; in anything else for a format of their domain, which has an origin where there is room for it
    format:  the name of a format of samples of any domain, such as "prov"; None for what the name of the file ends in
    options: of that format
    run, domain, text, identity, valid, limit: which samples, as `Store.samples` takes them
    force:   whether a file of that name is replaced

    Memory stays the same however many there are, but for formats that say otherwise. An OSError of reading the store,
    or of a disk that is full, stays one.

    Raises DataError for a file that exists, cannot be made or has an unknown ending, OptionError for a limit that is no
    whole number from 1 or an option that the format does not take, UsageError for several domains in a format of one or
    a format that is not what the name ends in, UnknownName for no such run, domain or format, PluginError for a format
    that needs something which is not installed.
    """
    if limit is not None:
        check_counts(limit=limit)
    write = _writer(Path(path), format, options or {})
    opened = open_store(store)
    with nullcontext(opened) if opened is store else closing(opened) as known:
        found = origins(known, run=run, domain=domain, text=text, identity=identity, valid=valid, limit=limit)
        first = next(found, None)
        if first is None:
            return Export(0, True)
        with replaced(Path(path), force=force) as unfinished:
            return write(chain([first], found), unfinished, known)


def exporter_of(name: str, format: str | None = None) -> ExporterSpec | None:
    """Return the format of samples of any domain for a file of this name, or None for one of a domain.

    format: its name, where the name of the file may not say it

    Raises UsageError if that says another, UnknownName if there is no such format.
    """
    spec = _said(name)
    if format is None or (spec is not None and spec.name == format):
        return spec
    if spec is not None:
        raise UsageError(f"the format of a file is what its name ends in; got {name} and {format!r}. Leave one out.")
    asked: ExporterSpec = registry().get("exporter", format)
    return asked


def _said(name: str) -> ExporterSpec | None:
    fitting = [
        (len(ending), spec)
        for spec in registry().specs("exporter")
        for ending in spec.endings
        if name.lower().endswith(ending)
    ]
    return max(fitting, key=lambda found: found[0])[1] if fitting else None


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


def write_table(samples: Iterator[Origin], stream: TextIO, ending: str, store: Store) -> Export:
    """Write samples to a stream as one of TABLES."""
    counter = count()
    stream.writelines(TABLES[ending](_counted(samples, counter), store))
    return Export(next(counter), True)


_Write = Callable[[Iterator[Origin], Path, Store], Export]


def _writer(path: Path, format: str | None, options: Mapping[str, Any]) -> _Write:
    """Return what writes the file."""
    spec = exporter_of(path.name, format)
    if spec is None and options:
        raise UsageError(
            f"a file like {path.name} is in a format of its domain, which takes no options. Leave them out."
        )
    return _write_items if spec is None else _any_writer(spec, options)


def _any_writer(spec: ExporterSpec, options: Mapping[str, Any]) -> _Write:
    target = spec.load()
    given = checked(f"{spec.kind} {spec.name!r}", target, options, given=given_to(spec.kind))

    def write(samples: Iterator[Origin], path: Path, store: Store) -> Export:
        counter = count()
        target(_counted(samples, counter), path, store=store, **given)
        return Export(next(counter), True)

    return write


def _write_items(samples: Iterator[Origin], path: Path, store: Store) -> Export:
    first = next(samples)
    domain: Domain[object] = make(registry().get("domain", first[1].domain), {})
    counter = count()
    items = _items(_counted(chain([first], samples), counter), domain, path)
    try:
        tells = domain.export(items, path)
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
        known = {column: str(value) for column, value in row(record, run).items() if value is not None}
        yield domain.from_bytes(record.payload), known


def _counted(samples: Iterator[Origin], counter: Iterator[int]) -> Iterator[Origin]:
    return (sample for sample, _ in zip(samples, counter, strict=False))


TABLES: Mapping[str, Callable[[Iterator[Origin], Store], Iterator[str]]] = {".csv": csv.lines, ".jsonl": jsonl.lines}
"""What gives samples as the lines of a table, by the ending of a file."""
