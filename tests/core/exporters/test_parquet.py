from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import genwright as gw
from genwright.errors import DataError
from genwright.exporters import parquet
from genwright.exporters.row import COLUMNS
from genwright.exports import origins
from genwright.store import Record, Store, open_store
from genwright.testing.stores import make_record, make_run


@pytest.fixture
def store() -> Store:
    store = open_store("memory:")
    run = make_run()
    store.put_run(run)
    png = make_record(run, 1, payload=b"\x89PNG\x00", media_type="image/png")
    store.put_samples([make_record(run, 0, seed=2**64 - 1, flaw="it is none"), png])
    return store


@pytest.fixture
def file(store: Store, tmp_path: Path) -> Path:
    gw.export(tmp_path / "a.parquet", store=store)
    return tmp_path / "a.parquet"


def test_columns_are_typed_and_those_of_tables_come_first(file: Path) -> None:
    table = pq.read_table(file)
    assert tuple(table.column_names[: len(COLUMNS)]) == COLUMNS
    types = {name: str(table.schema.field(name).type) for name in ("index", "seed", "payload", "item", "config")}
    assert types == {"index": "int64", "seed": "uint64", "payload": "binary", "item": "string", "config": "string"}
    assert table["seed"].to_pylist()[0] == 2**64 - 1
    assert table["flaw"].to_pylist() == ["it is none", None]


def test_items_that_are_no_text_are_in_the_payload_alone(file: Path) -> None:
    table = pq.read_table(file)
    assert table["item"].to_pylist() == ["CO", None]
    assert table["payload"].to_pylist() == [b"CO", b"\x89PNG\x00"]


def test_pages_are_compressed_with_zstd(file: Path) -> None:
    group = pq.ParquetFile(file).metadata.row_group(0)
    assert {group.column(index).compression for index in range(group.num_columns)} == {"ZSTD"}


def test_groups_of_rows_are_bounded_by_rows_and_by_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, run = open_store("memory:"), make_run()
    store.put_run(run)
    store.put_samples([make_record(run, index, payload=b"x" * 100) for index in range(50)])

    def sizes() -> list[int]:
        gw.export(tmp_path / "a.parquet", store=store, force=True)
        metadata = pq.ParquetFile(tmp_path / "a.parquet").metadata
        return [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]

    assert sizes() == [50]
    monkeypatch.setattr(parquet, "_ROWS", 20)
    assert sizes() == [20, 20, 10]
    monkeypatch.setattr(parquet, "_BYTES", 1_000)
    assert sizes() == [10] * 5


def test_samples_are_written_as_they_are_read(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "_ROWS", 10)
    run, alive = store.run("LAST"), []

    def one_by_one() -> Iterator[tuple[Record, Any]]:
        for index in range(500):
            yield make_record(run, index), run
            alive.append((tmp_path / "b.parquet").stat().st_size)

    parquet.write(one_by_one(), tmp_path / "b.parquet", store=store)
    assert alive[-1] > (tmp_path / "b.parquet").stat().st_size * 0.3


def test_nothing_is_left_of_one_that_breaks_off(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaking(*_: Any, **__: Any) -> Iterator[Any]:
        yield next(origins(store))
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("genwright.exports.origins", breaking)
    with pytest.raises(OSError, match="No space left"):
        gw.export(tmp_path / "a.parquet", store=store)
    assert list(tmp_path.iterdir()) == []


def test_a_run_is_told_once_to_who_reads_it(file: Path) -> None:
    found = list(parquet.read(file))
    assert [place for place, _ in found] == ["row 1", "row 2"]
    assert [data["origin"] is None for _, data in found] == [False, True]


Change = Callable[[pa.Table], pa.Table]


def renamed(table: pa.Table) -> pa.Table:
    return table.rename_columns(["seeds" if name == "seed" else name for name in table.column_names])


def cast(name: str, kind: pa.DataType) -> Change:
    def change(table: pa.Table) -> pa.Table:
        return table.set_column(table.column_names.index(name), name, table[name].cast(kind))

    return change


def put(name: str, *values: Any) -> Change:
    def change(table: pa.Table) -> pa.Table:
        column = pa.array(values, table.schema.field(name).type)
        return table.set_column(table.column_names.index(name), pa.field(name, column.type), column)

    return change


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (renamed, r"its columns: there should be seed, as an export has it; it is missing"),
        (cast("index", pa.int32()), r"its columns: index should be int64; it is int32"),
        (put("reviews", "[]", "[7]"), r"row 2: a review has a reviewer"),
        (put("reviews", "[]", "{"), r"row 2: reviews is JSON; got '\{'"),
        (put("reviews", None, None), r"row 1: reviews is JSON; got None"),
        (put("origin", "null", "null"), r"row 1: an origin tells of a run, with its environment, and of a checkpoint"),
        (put("origin", "7", "7"), r"row 1: an origin tells of a run"),
        (put("config", "7", "7"), r"row 1: option 'config' of a run takes a table"),
        (put("payload", b"CO", None), r"row 2: payload is bytes; got None"),
        (put("payload", b"CO", b"x"), r"row 2: the item should have the SHA-256 that stands beside it"),
        (put("index", 0, 5), r"row 2: the id of a sample is its run and its index"),
        (put("prompt", "a\0", ""), r"row 1: the texts of a sample are kept as plain text; got NUL"),
    ],
)
def test_what_cannot_be_is_named_with_its_row_and_nothing_is_put(file: Path, change: Change, reason: str) -> None:
    pq.write_table(change(pq.read_table(file)), file)
    store = open_store("memory:")
    with pytest.raises(DataError, match=rf"a\.parquet, {reason}.*Nothing of it was imported"):
        gw.import_samples(file, store=store)
    assert list(store.runs()) == []


def test_what_is_no_parquet_file_is_told(tmp_path: Path) -> None:
    for content in (b"", b"PAR1", b"PAR1" + b"x" * 100 + b"PAR1", b"{}"):
        (tmp_path / "a.parquet").write_bytes(content)
        with pytest.raises(DataError, match=r"a\.parquet should be a Parquet file; it cannot be read: "):
            gw.import_samples(tmp_path / "a.parquet", store="memory:")


def test_a_group_of_rows_that_would_not_fit_in_memory_is_refused(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "_MOST_BYTES", 1_000)
    with pytest.raises(DataError, match=r"group 0 of its rows: a group has at most 1,000,000 rows and 1,000 bytes"):
        gw.import_samples(file, store="memory:")


def test_a_value_that_a_file_holds_once_is_held_once(file: Path) -> None:
    """A page of one large value and a million times its number takes few bytes in a file, and would take gigabytes."""
    table = pq.read_table(file)
    large = put("payload", *[b"x" * (1 << 20)] * 2)(table)
    many = pa.concat_tables([large.slice(0, 1)] * 2_000)
    pq.write_table(many, file, use_dictionary=["payload"], dictionary_pagesize_limit=2 << 20)
    assert file.stat().st_size < 1 << 20
    payloads = [data["payload"] for _, data in parquet.read(file)]
    assert len(payloads) == 2_000
    assert len({id(payload) for payload in payloads}) == 1
