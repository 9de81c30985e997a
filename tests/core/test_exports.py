from __future__ import annotations

import csv
import gzip
import json
import lzma
import os
import sys
import types
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

import genwright as gw
from genwright import exports
from genwright.entries import FACTS
from genwright.errors import DataError, OptionError, PluginError, UnknownName, UsageError
from genwright.exporters.row import Origin
from genwright.exports import COLUMNS
from genwright.memory import MemoryStore
from genwright.run import Run
from genwright.specs import ExporterSpec
from genwright.store import Record, Store
from genwright.testing.stores import make_record, make_run
from genwright.testing.toys import Rounds, toy_registry


@pytest.fixture(autouse=True)
def _toys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "registry", toy_registry)


def put(store: MemoryStore, items: Iterable[str], **changes: Any) -> Run:
    """Put a run whose samples are these rounds."""
    run = make_run(**{"domain": "rounds", "model": "rounds/toy", **changes})
    store.put_run(run)
    domain = Rounds()
    store.put_samples(
        [
            make_record(
                run,
                index,
                payload=item.encode(),
                media_type="text/plain",
                flaw=domain.check(item),
                canonical=domain.canonical(item),
                identity=domain.identity(item),
            )
            for index, item in enumerate(items)
        ]
    )
    return run


@pytest.fixture
def run(store: MemoryStore) -> Run:
    return put(store, ["AB", "zz", "cda"])


def read(path: Path) -> list[Mapping[str, Any]]:
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines)) if path.suffix == ".csv" else [json.loads(line) for line in lines]


def test_a_table_tells_where_each_sample_comes_from(store: MemoryStore, run: Run, tmp_path: Path) -> None:
    assert gw.export(tmp_path / "a.jsonl", store=store) == (3, True)
    rows = read(tmp_path / "a.jsonl")
    assert [tuple(row) for row in rows] == [(*COLUMNS, *FACTS)] * 3
    assert {name: rows[0][name] for name in COLUMNS} == {
        "id": f"{run.id}/0",
        "item": "AB",
        "flaw": None,
        "canonical": "ab",
        "identity": "a2",
        "run": run.id,
        "index": 0,
        "seed": 7,
        "domain": "rounds",
        "model": "rounds/toy",
        "checkpoint": "ab" * 32,
    }
    assert [row["flaw"] for row in rows] == [None, "'zz' is no round.", None]


def test_both_kinds_of_table_tell_the_same(store: MemoryStore, run: Run, tmp_path: Path) -> None:
    put(store, ['a,"b"\nc', "ä"])
    gw.export(tmp_path / "a.jsonl", store=store)
    gw.export(tmp_path / "a.csv", store=store)
    rows = read(tmp_path / "a.jsonl")
    texts = [{name: "" if row[name] is None else str(row[name]) for name in COLUMNS} for row in rows]
    assert read(tmp_path / "a.csv") == texts


def test_a_sample_that_is_found_in_a_table_can_be_shown(store: MemoryStore, run: Run, tmp_path: Path) -> None:
    gw.export(tmp_path / "a.csv", store=store)
    row = read(tmp_path / "a.csv")[2]
    assert store.sample(row["id"]).payload == row["item"].encode()


def test_what_is_no_text_is_written_as_a_data_url(store: MemoryStore, run: Run, tmp_path: Path) -> None:
    store.put_samples([make_record(run, 3, payload=b"\x89PNG", media_type="image/png")])
    gw.export(tmp_path / "a.jsonl", store=store)
    assert read(tmp_path / "a.jsonl")[3]["item"] == "data:image/png;base64,iVBORw=="


@pytest.mark.parametrize(("ending", "opener"), [(".gz", gzip.open), (".xz", lzma.open)])
@pytest.mark.parametrize("table", [".csv", ".jsonl"])
def test_tables_are_compressed_as_their_names_say_and_equal_ones_equally(
    store: MemoryStore, run: Run, tmp_path: Path, table: str, ending: str, opener: Any
) -> None:
    gw.export(tmp_path / f"a{table}", store=store)
    for name in ("b", "c"):
        gw.export(tmp_path / f"{name}{table}{ending}", store=store)
    packed = [(tmp_path / f"{name}{table}{ending}").read_bytes() for name in ("b", "c")]
    assert packed[0] == packed[1]
    with opener(tmp_path / f"b{table}{ending}") as stream:
        assert stream.read() == (tmp_path / f"a{table}").read_bytes()


@pytest.mark.parametrize(
    ("filters", "items"),
    [
        ({"run": "LAST"}, ["dab"]),
        ({"domain": "rounds", "limit": 2}, ["dab", "AB"]),
        ({"text": "none"}, None),
        ({"valid": True}, ["dab", "AB", "cda"]),
        ({"text": "da"}, ["dab", "cda"]),
        ({"identity": "a2"}, ["AB"]),
    ],
)
def test_samples_are_chosen_as_the_store_chooses_them(
    store: MemoryStore, run: Run, tmp_path: Path, filters: dict[str, Any], items: list[str] | None
) -> None:
    put(store, ["dab"])
    done = gw.export(tmp_path / "a.jsonl", store=store, **filters)
    if items is None:
        assert done.samples == 0
        assert list(tmp_path.iterdir()) == []
    else:
        assert [row["item"] for row in read(tmp_path / "a.jsonl")] == items
        assert done.samples == len(items)


def test_other_endings_are_left_to_the_domain(store: MemoryStore, run: Run, tmp_path: Path) -> None:
    assert gw.export(tmp_path / "a.txt", store=store, valid=True) == (2, False)
    assert (tmp_path / "a.txt").read_text() == "AB\ncda\n"


def test_a_domain_is_given_the_origin_of_each_item(
    store: MemoryStore, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def named(self: Rounds, samples: Iterable[tuple[str, Mapping[str, str]]], path: Path) -> bool:
        path.write_text("".join(f"{item} {known['id']} {known['seed']}\n" for item, known in samples))
        return True

    monkeypatch.setattr(Rounds, "export", named)
    assert gw.export(tmp_path / "a.txt", store=store, valid=True).has_origins
    assert (tmp_path / "a.txt").read_text() == f"AB {run.id}/0 7\ncda {run.id}/2 7\n"


def test_several_domains_do_not_share_a_format_of_one(store: MemoryStore, run: Run, tmp_path: Path) -> None:
    put(store, ["x"], domain="molecules", checkpoint="cd" * 32)
    put(store, ["abcd"])
    with pytest.raises(
        UsageError, match=r"a file like a\.txt holds items of one domain; .* of rounds and of molecules\. Choose them"
    ):
        gw.export(tmp_path / "a.txt", store=store)
    assert list(tmp_path.iterdir()) == []
    assert gw.export(tmp_path / "a.txt", store=store, domain="rounds").samples == 4
    assert gw.export(tmp_path / "a.csv", store=store).samples == 5
    assert {(row["domain"], row["checkpoint"]) for row in read(tmp_path / "a.csv")} == {
        ("rounds", "ab" * 32),
        ("molecules", "cd" * 32),
    }


def test_a_domain_that_is_not_installed_still_has_tables(store: MemoryStore, tmp_path: Path) -> None:
    put(store, ["x"], domain="gone")
    assert gw.export(tmp_path / "a.csv", store=store).samples == 1
    with pytest.raises(UnknownName, match="there is no domain named 'gone'"):
        gw.export(tmp_path / "a.txt", store=store)


def test_a_file_that_exists_is_replaced_only_by_force(store: MemoryStore, run: Run, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("mine")
    with pytest.raises(DataError, match=r"a\.csv exists already\. Choose another name, or have it replaced: --force"):
        gw.export(path, store=store)
    assert path.read_text() == "mine"
    assert gw.export(path, store=store, force=True).samples == 3
    assert len(read(path)) == 3


@pytest.mark.parametrize("force", [False, True])
def test_a_folder_is_never_replaced(store: MemoryStore, run: Run, tmp_path: Path, force: bool) -> None:
    (tmp_path / "a.csv").mkdir()
    with pytest.raises(DataError, match=r"a\.csv is a folder, and folders are not replaced\. Choose another name"):
        gw.export(tmp_path / "a.csv", store=store, force=force)


@pytest.mark.parametrize("name", ["absent/a.csv", "a\0.csv", f"{'x' * 300}.csv"])
def test_a_file_that_cannot_be_made_is_told_with_the_reason(
    store: MemoryStore, run: Run, tmp_path: Path, name: str
) -> None:
    with pytest.raises(DataError, match=r"cannot be written: .*\. Check the folder, the permissions and the space"):
        gw.export(tmp_path / name, store=store)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl.xz", "a.txt"])
def test_nothing_is_left_of_an_export_that_breaks_off(
    store: MemoryStore, run: Run, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = tmp_path / name
    before.write_text("before")

    def breaking(self: MemoryStore, **filters: Any) -> Iterator[Record]:
        yield from islice(samples(self, **filters), 2)
        assert [path.name for path in tmp_path.iterdir() if path.name.startswith(f".{name}-")]
        raise OSError(28, os.strerror(28), "disk")

    samples = MemoryStore.samples
    monkeypatch.setattr(MemoryStore, "samples", breaking)
    with pytest.raises(OSError, match="No space left on device: 'disk'"):
        gw.export(before, store=store, force=True)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [(name, "before")]


def test_a_carriage_return_stays_in_its_row(store: MemoryStore, tmp_path: Path) -> None:
    put(store, ["a\rb", "c"])
    gw.export(tmp_path / "a.csv", store=store)
    assert [row["item"] for row in read(tmp_path / "a.csv")] == ["a\rb", "c"]
    assert b'"a\rb"' in (tmp_path / "a.csv").read_bytes()


@pytest.mark.parametrize("limit", [-1, 0, 1.5, True, "3", 2**63])
def test_a_limit_is_a_whole_number_from_one(store: MemoryStore, run: Run, tmp_path: Path, limit: Any) -> None:
    with pytest.raises(OptionError, match=rf"limit is a whole number from 1 to 2\^63 - 1; got {limit!r}\."):
        gw.export(tmp_path / "a.csv", store=store, limit=limit)
    assert list(tmp_path.iterdir()) == []


def test_a_domain_without_samples_is_told_apart_from_one_that_is_not_there(tmp_path: Path) -> None:
    assert gw.export(tmp_path / "a.csv", store="memory:", domain="rounds").samples == 0
    with pytest.raises(UnknownName, match=r"there is no domain named 'round'\. Did you mean 'rounds'\?"):
        gw.export(tmp_path / "a.csv", store="memory:", domain="round")


def test_what_a_format_refuses_is_told_with_what_takes_it(
    store: MemoryStore, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Rounds, items: Iterable[str], path: Path) -> None:
        raise DataError(f"rounds are written to a .txt; got {path.name}. Rename it.")

    monkeypatch.setattr(Rounds, "write", refuse)
    with pytest.raises(
        DataError,
        match=r"got a\.sdf\. Rename it\. A \.csv or \.jsonl file takes any sample; --valid, or valid=True, chooses",
    ):
        gw.export(tmp_path / "a.sdf", store=store)


def test_samples_are_written_as_they_are_read(
    store: MemoryStore, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A list of all of them would be as large as the store."""
    alive: list[int] = []

    def one_by_one(self: MemoryStore, **filters: Any) -> Iterator[Record]:
        for index in range(5_000):
            yield make_record(run, index)
            alive.append(sum(path.stat().st_size for path in tmp_path.rglob("*.csv")))

    monkeypatch.setattr(MemoryStore, "samples", one_by_one)
    assert gw.export(tmp_path / "a.csv", store=store).samples == 5_000
    assert alive[-1] > (tmp_path / "a.csv").stat().st_size * 0.9


def test_a_store_that_was_named_is_closed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[str] = []
    monkeypatch.setattr(MemoryStore, "close", lambda self: closed.append(self.url))
    assert gw.export(tmp_path / "a.csv", store="memory:") == (0, True)
    assert closed == ["memory:"]


def listed(samples: Iterator[Origin], path: Path, *, store: Store, title: str = "") -> None:
    """Write what a format of these tests writes: a title, and the ids."""
    path.write_text(" ".join([title, *(record.id for record, _ in samples)]))


@pytest.fixture
def formats(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two formats of a plugin, the endings of which end alike."""
    monkeypatch.setitem(sys.modules, "formats", types.ModuleType("formats"))
    monkeypatch.setattr("formats.listed", listed, raising=False)
    specs = [
        ExporterSpec(name="ids", target="formats:listed", summary="", endings=(".ids.json",)),
        ExporterSpec(name="odd", target="formats:absent", summary="", endings=(".json",), extra="genwright-odd[odd]"),
    ]
    known = toy_registry(*specs)
    monkeypatch.setattr(exports, "registry", lambda: known)


@pytest.mark.parametrize(
    ("name", "format"), [("a.ids.json", None), ("A.IDS.JSON", "ids"), ("a.other", "ids"), ("a", "ids")]
)
def test_the_ending_of_a_file_or_a_name_says_the_format(
    store: MemoryStore, run: Run, tmp_path: Path, formats: None, name: str, format: str | None
) -> None:
    done = gw.export(tmp_path / name, format=format, options={"title": "A"}, store=store)
    assert done == (3, True)
    assert (tmp_path / name).read_text() == f"A {run.id}/0 {run.id}/1 {run.id}/2"


def test_what_a_format_needs_and_is_not_installed_is_told(
    store: MemoryStore, run: Run, tmp_path: Path, formats: None
) -> None:
    with pytest.raises(
        PluginError, match=r"exporter 'odd' of .* Install what it needs: pip install 'genwright-odd\[odd"
    ):
        gw.export(tmp_path / "a.json", store=store)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "asked", "error", "message"),
    [
        ("a.csv", {"format": "ids"}, UsageError, r"is what its name ends in; got a\.csv and 'ids'\. Leave one out"),
        ("a", {"format": "idz"}, UnknownName, r"there is no exporter named 'idz'\. Did you mean 'ids'"),
        ("a.ids.json", {"options": {"titel": ""}}, OptionError, r"exporter 'ids' has no option 'titel'\. Did you mean"),
        ("a.ids.json", {"options": {"title": 7}}, OptionError, r"option 'title' of exporter 'ids' takes text; got 7"),
        ("a.ids.json", {"options": {"store": 7}}, OptionError, r"exporter 'ids' has no option 'store'"),
        (
            "a.txt",
            {"options": {"title": ""}},
            UsageError,
            r"a file like a\.txt is in a format of its domain, which takes",
        ),
    ],
)
def test_a_format_that_is_asked_for_wrongly_is_told(
    store: MemoryStore,
    run: Run,
    tmp_path: Path,
    formats: None,
    name: str,
    asked: dict[str, Any],
    error: type[Exception],
    message: str,
) -> None:
    with pytest.raises(error, match=message):
        gw.export(tmp_path / name, store=store, **asked)
    assert list(tmp_path.iterdir()) == []
