"""Samples as a Parquet file, with all that a store has of them, so that another can be given them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from genwright.entries import Unreadable, facts, with_origins
from genwright.errors import DataError, shown
from genwright.exporters.row import Origin, row
from genwright.store import Record, Store, is_text

__all__ = ["SCHEMA", "read", "write"]

SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("item", pa.string()),
        pa.field("flaw", pa.string()),
        pa.field("canonical", pa.string()),
        pa.field("identity", pa.string()),
        pa.field("run", pa.string(), nullable=False),
        pa.field("index", pa.int64(), nullable=False),
        pa.field("seed", pa.uint64(), nullable=False),
        pa.field("domain", pa.string(), nullable=False),
        pa.field("model", pa.string(), nullable=False),
        pa.field("checkpoint", pa.string(), nullable=False),
        pa.field("media_type", pa.string(), nullable=False),
        pa.field("parameters", pa.string(), nullable=False),
        pa.field("prompt", pa.string(), nullable=False),
        pa.field("reviews", pa.string(), nullable=False),
        pa.field("sha256", pa.string(), nullable=False),
        pa.field("payload", pa.binary(), nullable=False),
        pa.field("config", pa.string(), nullable=False),
        pa.field("environment", pa.string(), nullable=False),
        pa.field("origin", pa.string(), nullable=False),
    ]
)
"""Those of a table, then what it takes to give another store the samples, some of it as JSON.

item:   of samples that are text; `payload` has the bytes of all
origin: what `config` and `environment` do not tell of the run, and its checkpoint
"""

_ROWS, _BYTES = 10_000, 16 << 20
# Of what is read: a group is held in memory whole.
_MOST_ROWS, _MOST_BYTES = 1_000_000, 256 << 20
_TOLD = ("config", "environment", "origin")
_OF_A_RUN = ("domain", "model", "checkpoint", "config", "environment", "origin", "run", "media_type")


def write(samples: Iterator[Origin], path: Path, *, store: Store) -> None:
    """Write samples to a new file, a group of rows at a time, compressed with zstd."""
    with pq.ParquetWriter(path, SCHEMA, compression="zstd", use_dictionary=list(_OF_A_RUN)) as writer:
        rows: list[Mapping[str, Any]] = []
        size = 0
        last = None
        told: Mapping[str, str] = {}
        for record, run, origin in with_origins(samples, store):
            if run.id != last:
                last, told = run.id, _told(origin)
            rows.append({**row(record, run), **_facts(record), **told})
            size += len(record.payload)
            if len(rows) == _ROWS or size >= _BYTES:
                writer.write_table(pa.Table.from_pylist(rows, SCHEMA))
                rows, size = [], 0
        if rows:
            writer.write_table(pa.Table.from_pylist(rows, SCHEMA))


def read(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield where each row is, and what `genwright.entries.entry` takes of it.

    Raises DataError for what is no Parquet file, Unreadable for one of something else.
    """
    try:
        _check_columns(pq.read_schema(path))
        with pq.ParquetFile(path, read_dictionary=_texts()) as file:
            first = 1
            last: Mapping[str, Any] = {}
            for group in range(file.num_row_groups):
                _check_size(file.metadata.row_group(group), group)
                columns = _columns(file.read_row_group(group, columns=SCHEMA.names, use_threads=False))
                for number, values in enumerate(zip(*columns, strict=True), first):
                    found = dict(zip(SCHEMA.names, values, strict=True))
                    place = f"row {number:,}"
                    yield place, _parsed(place, found, last)
                    last = found
                first += file.metadata.row_group(group).num_rows
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        raise DataError(
            f"{path} should be a Parquet file; it cannot be read: {error}. Make or copy it again."
        ) from error


def _facts(record: Record) -> Mapping[str, Any]:
    found = facts(record)
    changed = {"payload": record.payload, "seed": record.seed % (1 << 64), "reviews": _json(found["reviews"])}
    return found | changed | ({} if is_text(record.media_type) else {"item": None})


def _told(origin: Mapping[str, Any]) -> Mapping[str, str]:
    """Return the columns that tell of a run, the same for each sample of it."""
    start = dict(origin["run"])
    told = {name: _json(start.pop(name)) for name in ("config", "environment")}
    return told | {"origin": _json({"run": start, "checkpoint": origin["checkpoint"]})}


def _parsed(place: str, values: Mapping[str, Any], last: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a row as `genwright.entries.entry` takes it; its origin only if the row before told another."""
    found = {**values, "reviews": _from_json(place, values, "reviews"), "origin": None}
    if any(values[name] != last.get(name) for name in _TOLD):
        config, environment, origin = (_from_json(place, values, name) for name in _TOLD)
        found["origin"] = {} if origin is None else origin
        if isinstance(origin, dict) and isinstance(origin.get("run"), dict):
            found["origin"] = origin | {"run": origin["run"] | {"config": config, "environment": environment}}
    return found


def _from_json(place: str, values: Mapping[str, Any], name: str) -> Any:
    try:
        return json.loads(values[name])
    except (ValueError, TypeError, RecursionError) as error:
        raise Unreadable(place, f"{name} is JSON; got {shown(values[name])}: {error}") from None


def _columns(table: Any) -> list[list[Any]]:
    return [_values(column.combine_chunks()) for column in table.columns]


def _values(column: Any) -> list[Any]:
    """Return the values of a column; those that are stored once are one object, so that a small file stays small."""
    if isinstance(column, pa.ChunkedArray):
        column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
    if not pa.types.is_dictionary(column.type):
        return list(column.to_pylist())
    values = column.dictionary.to_pylist()
    return [None if index is None else values[index] for index in column.indices.to_pylist()]


def _check_columns(schema: Any) -> None:
    plain = {
        field.name: field.type.value_type if pa.types.is_dictionary(field.type) else field.type for field in schema
    }
    for field in SCHEMA:
        if field.name not in plain:
            raise Unreadable("its columns", f"there should be {field.name}, as an export has it; it is missing")
        if plain[field.name] != field.type:
            raise Unreadable("its columns", f"{field.name} should be {field.type}; it is {plain[field.name]}")


def _check_size(group: Any, number: int) -> None:
    if group.num_rows > _MOST_ROWS or group.total_byte_size > _MOST_BYTES:
        raise Unreadable(
            f"group {number:,} of its rows",
            f"a group has at most {_MOST_ROWS:,} rows and {_MOST_BYTES:,} bytes; "
            f"this one has {group.num_rows:,} and {group.total_byte_size:,}",
        )


def _texts() -> list[str]:
    return [field.name for field in SCHEMA if field.type in (pa.string(), pa.binary())]


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
