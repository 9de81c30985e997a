from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

import genwright as gw
from genwright.entries import FACTS, Unreadable
from genwright.exporters import jsonl
from genwright.exporters.row import COLUMNS
from genwright.store import Store, open_store
from genwright.testing.stores import make_checkpoint, make_record, make_run


@pytest.fixture
def store() -> Store:
    store = open_store("memory:")
    store.put_checkpoint(make_checkpoint("ab" * 32))
    for _ in range(2):
        run = make_run()
        store.put_run(run)
        store.put_samples([make_record(run, index, seed=2**64 - 1 - index) for index in range(2)])
    return store


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def test_the_columns_of_tables_come_first(store: Store, tmp_path: Path) -> None:
    gw.export(tmp_path / "a.jsonl", store=store)
    assert {tuple(row) for row in rows(tmp_path / "a.jsonl")} == {(*COLUMNS, *FACTS)}


def test_the_first_sample_of_a_run_tells_of_all_of_it(store: Store, tmp_path: Path) -> None:
    gw.export(tmp_path / "a.jsonl", store=store)
    origins = [row["origin"] for row in rows(tmp_path / "a.jsonl")]
    assert [origin and origin["run"]["id"] for origin in origins] == [
        *(store.run("LAST").id, None),
        *(list(store.runs())[1].id, None),
    ]
    assert origins[0]["checkpoint"]["files"]["card.json"] == ["34" * 32, 812]


def test_seeds_of_64_bits_are_exact(store: Store, tmp_path: Path) -> None:
    gw.export(tmp_path / "a.jsonl", store=store)
    assert b'"seed": 18446744073709551614,' in (tmp_path / "a.jsonl").read_bytes()


def test_the_payload_is_written_only_where_the_item_does_not_tell_it(tmp_path: Path) -> None:
    store, run = open_store("memory:"), make_run()
    store.put_run(run)
    store.put_samples(
        [
            make_record(run, 0),
            make_record(run, 1, payload=b"\xff"),
            make_record(run, 2, payload=b"\xff", media_type="image/png"),
        ]
    )
    gw.export(tmp_path / "a.jsonl", store=store)
    assert [row["payload"] for row in rows(tmp_path / "a.jsonl")] == [None, base64.b64encode(b"\xff").decode(), None]


def test_a_line_is_told_by_its_number(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"item": "x", "media_type": "text/plain", "payload": null}\n7\n')
    found = jsonl.read(path)
    assert next(found) == ("line 1", {"item": "x", "media_type": "text/plain", "payload": b"x"})
    with pytest.raises(Unreadable, match=r"line 2: a line is an object of JSON; got '7"):
        next(found)
