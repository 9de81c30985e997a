"""Recorded samples of a file put into a store."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, nullcontext
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple, final

from genwright.entries import Entry, Unreadable, entry
from genwright.errors import DataError, UnknownName
from genwright.exporters import jsonl
from genwright.registry import registry
from genwright.run import Run
from genwright.store import Record, Store, StoredCheckpoint, open_store, opening

__all__ = ["Import", "import_samples"]

_ROWS, _BYTES = 1_000, 16 << 20

Read = Callable[[Path], Iterator[tuple[str, Mapping[str, Any]]]]


class Import(NamedTuple):
    """What was put: how many samples, how many the store had already, and of how many runs they are."""

    new: int
    known: int
    runs: int


def import_samples(path: Path | str, *, store: str | Store | None = None) -> Import:
    """Put the samples of a file into a store, with their runs and checkpoints, as they were in the store it is from.

    path: ends in .jsonl, .jsonl.gz, .jsonl.xz or .parquet, and was written by `export`

    The file is read twice: all of it is checked before anything is put, so a bad one changes nothing. Samples are put
    in batches. After an interruption or a full disk, the same again goes on, since a store passes over what it has.
    Memory grows with the runs and not with the samples.

    Raises DataError for a file that is none of these, damaged or changed, with the line, Conflict for a sample, run or
    checkpoint of which the store has another, PluginError for .parquet where pyarrow is not installed.
    """
    path = Path(path)
    read = _reader(path)
    opened = open_store(store)
    with nullcontext(opened) if opened is store else closing(opened) as known:
        try:
            runs = _checked(_entries(path, read), known)
            return _put(_entries(path, read), runs, known)
        except Unreadable as error:
            raise DataError(f"{path}, {error}. Nothing of it was imported: export the samples again.") from None


def _reader(path: Path) -> Read:
    name = path.name.lower()
    if name.endswith((".jsonl", ".jsonl.gz", ".jsonl.xz")):
        return jsonl.read
    if not name.endswith(".parquet"):
        raise DataError(
            f"a file to import ends in .jsonl, .jsonl.gz, .jsonl.xz or .parquet; got {path.name}. "
            "Export the samples to one of these."
        )
    registry().get("exporter", "parquet").load()
    from genwright.exporters import parquet

    return parquet.read


def _entries(path: Path, read: Read) -> Iterator[tuple[str, Entry]]:
    if path.exists() and not path.is_file():
        raise DataError(f"samples are imported from a file, which is read twice; {path} is none. Save it as a file.")
    for place, data in read(path):
        yield place, entry(place, data)


_Begun = dict[str, tuple[Run, StoredCheckpoint | None] | None]


def _checked(entries: Iterator[tuple[str, Entry]], store: Store) -> _Begun:
    """Return the runs of a file that tells all of them or are in the store, by id; None for the latter."""
    runs: _Begun = {}
    for place, (record, run, checkpoint) in entries:
        if run is not None:
            other = runs.setdefault(record.run, (run, checkpoint))
            if other is None:
                runs[record.run] = run, checkpoint
            elif other != (run, checkpoint):
                raise Unreadable(place, f"run {record.run} is told otherwise than before")
        elif record.run not in runs:
            _check_stored(store, record.run, place)
            runs[record.run] = None
    return runs


def _check_stored(store: Store, run: str, place: str) -> None:
    try:
        store.run(run)
    except UnknownName:
        trouble = f"the first sample of run {run} should tell of the run, as `origin`; it does not"
        raise Unreadable(place, trouble) from None


def _put(entries: Iterator[tuple[str, Entry]], runs: _Begun, store: Store) -> Import:
    # The newest run of the file is then the newest here too.
    begun = sorted((origin for origin in runs.values() if origin is not None), key=lambda origin: origin[0].started)
    for run, checkpoint in begun:
        if checkpoint is not None:
            store.put_checkpoint(checkpoint)
        store.put_run(run)
    new = known = 0
    for id, found in groupby((one.record for _, one in entries), key=lambda record: record.run):
        indices = _Indices(store, id)
        for batch in _batches(found):
            there = indices.count(batch)
            store.put_samples(batch)
            new, known = new + len(batch) - there, known + there
    for run, _ in begun:
        _finish(store, run)
    return Import(new, known, len(runs))


def _finish(store: Store, run: Run) -> None:
    """Record the end of a run, unless the store has one."""
    if store.run(run.id) == opening(run) and run.state != "running":
        store.finish_run(run.id, run.state, error=run.error, notes=run.notes, at=run.finished)


def _batches(records: Iterator[Record]) -> Iterator[list[Record]]:
    batch: dict[int, Record] = {}
    size = 0
    for record in records:
        if record.index in batch or len(batch) == _ROWS or size >= _BYTES:
            yield list(batch.values())
            batch, size = {}, 0
        batch[record.index] = record
        size += len(record.payload)
    if batch:
        yield list(batch.values())


@final
class _Indices:
    """Which samples of a run a store has. They are read along with a file, which has them in the same order."""

    def __init__(self, store: Store, run: str) -> None:
        self._store, self._run = store, run
        self._last = -1
        self._begin()

    def count(self, batch: list[Record]) -> int:
        """Return how many samples of a batch are stored."""
        wanted = {record.index for record in batch}
        first, found, passed = min(wanted), 0, self._last
        self._last = max(wanted)
        if first <= passed:
            self._begin()
        while self._next is not None and self._next <= self._last:
            found += self._next in wanted
            self._advance()
        return found

    def _begin(self) -> None:
        self._found = self._store.samples(run=self._run)
        self._advance()

    def _advance(self) -> None:
        record = next(self._found, None)
        self._next = None if record is None else record.index
