"""Recorded samples in a file, each with where it comes from."""

from __future__ import annotations

import base64
import csv
import gzip
import io
import json
import lzma
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, nullcontext
from itertools import chain, count
from pathlib import Path
from typing import IO, TYPE_CHECKING, BinaryIO, NamedTuple, TextIO, cast

from genwright.errors import DataError, UsageError
from genwright.options import make
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

    Memory stays the same however many there are. Raises DataError for a file that exists, cannot be written or has an
    unknown ending, UsageError for several domains in a format of one, UnknownName for no such run.
    """
    opened = open_store(store)
    with nullcontext(opened) if opened is store else closing(opened) as known:
        found = origins(known, run=run, domain=domain, text=text, identity=identity, valid=valid, limit=limit)
        first = next(found, None)
        if first is None:
            return Export(0, True)
        with _replacing(Path(path), force=force) as unfinished:
            return _write(chain([first], found), unfinished)


def origins(store: Store, **filters: str | int | None) -> Iterator[Origin]:
    """Yield samples, chosen as `Store.samples` does, each with its run."""
    run: Run | None = None
    for record in store.samples(**filters):  # type: ignore[arg-type]
        if run is None or run.id != record.run:
            run = store.run(record.run)
        yield record, run


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
        _compressed(raw, compression) as stream,
        io.TextIOWrapper(stream, "utf-8", newline="") as text,
    ):
        return write_table(samples, text, ending)


def _write_items(samples: Iterator[Origin], path: Path) -> Export:
    first = next(samples)
    domain: Domain[object] = make(registry().get("domain", first[1].domain), {})
    counter = count()
    items = _items(chain([first], samples), domain, path)
    tells = domain.export((item for item, _ in zip(items, counter, strict=False)), path)
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
    table = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
    table.writeheader()
    table.writerows(_row(record, run) for record, run in samples)


def _write_jsonl(samples: Iterator[Origin], stream: TextIO) -> None:
    stream.writelines(f"{json.dumps(_row(record, run), ensure_ascii=False)}\n" for record, run in samples)


_COMPRESSIONS = (".gz", ".xz")

TABLES: Mapping[str, Callable[[Iterator[Origin], TextIO], None]] = {".csv": _write_csv, ".jsonl": _write_jsonl}
"""What writes samples as a table to a stream, by the ending of a file."""


def _compressed(raw: BinaryIO, compression: str) -> IO[bytes]:
    if compression == ".gz":
        # Without name and time, equal samples make equal files.
        return cast(IO[bytes], gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0))
    return lzma.LZMAFile(raw, "wb") if compression == ".xz" else raw


@contextmanager
def _replacing(path: Path, *, force: bool) -> Iterator[Path]:
    """Give a file to write that takes the place of another at the end, and leaves nothing if writing it fails."""
    _check_free(path, force=force)
    try:
        # In a folder of its own, since formats go by how a file is called, and may name it in their errors.
        folder = Path(tempfile.mkdtemp(prefix=f".{path.name[:40]}-", dir=path.parent))
    except (OSError, ValueError) as error:
        raise _refusal(path, error) from error
    try:
        yield folder / path.name
        _make_durable(folder / path.name)
        _check_free(path, force=force)
        os.replace(folder / path.name, path)
    except OSError as error:
        raise _refusal(path, error) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _refusal(path: Path, error: OSError | ValueError) -> DataError:
    # A ValueError has no strerror; it comes of a NUL in the name.
    reason = getattr(error, "strerror", error)
    return DataError(f"{path} cannot be written: {reason}. Check its folder, the permissions and the space left.")


def _check_free(path: Path, *, force: bool) -> None:
    if os.path.isdir(path):
        raise DataError(f"{path} is a folder, and folders are not replaced. Choose another name.")
    if os.path.lexists(path) and not force:
        raise DataError(f"{path} exists already. Choose another name, or have it replaced: --force, or force=True.")


def _make_durable(path: Path) -> None:
    """Wait until a file is on the disk, so that its name never stands for a part of it."""
    if path.is_file():
        with path.open("rb") as file:
            os.fsync(file.fileno())
