from __future__ import annotations

import json
from pathlib import Path

import torch

from benchmarks.tuning import Timed, order, write
from genwright.kernels.table import table


def call(case: str = "", usual: tuple[str, ...] = (), **seconds: float) -> Timed:
    return Timed(operation="halve", case=case, usual=usual, seconds=seconds)


def test_the_fastest_stands_first() -> None:
    assert order([call(reference=2.0, pairs=1.0, sums=3.0)]) == ["pairs", "reference", "sums"]


def test_what_is_usual_stands_first_unless_it_is_clearly_beaten() -> None:
    assert order([call(reference=1.0, pairs=0.98)]) == ["reference", "pairs"]
    assert order([call(reference=1.0, pairs=0.96)]) == ["pairs", "reference"]
    assert order([call(usual=("sums",), reference=0.99, sums=1.0)]) == ["sums", "reference"]
    assert order([call(usual=("absent",), reference=1.0, sums=0.99)]) == ["reference", "sums"]


def test_calls_count_alike_however_long_they_take() -> None:
    assert order([call(reference=1.0, pairs=0.5), call(reference=100.0, pairs=120.0)]) == ["pairs", "reference"]


def test_nothing_stands_first_where_nothing_was_measured() -> None:
    assert order([]) == order([call(pairs=1.0)]) == []


def test_a_table_is_written_that_operations_read_and_what_was_not_measured_stays(tmp_path: Path) -> None:
    path = tmp_path / "cpu.json"
    before = {"halve": {"wide": ["abacus", "sums"], "narrow": ["sums"]}, "double": {"": ["twice"]}}
    path.write_text(json.dumps({"measured": {}, "priorities": before}), encoding="utf-8")
    assert table("cpu", tmp_path).order("halve", "wide") == ("abacus", "sums")
    calls = [call("wide", reference=2.0, pairs=1.0), call("tall", reference=2.0, sums=1.0)]
    assert write(calls, torch.device("cpu"), folder=tmp_path) == path
    found = table("cpu", tmp_path)
    assert found.order("halve", "wide") == ("pairs", "reference", "abacus", "sums")
    assert found.order("halve", "tall") == ("sums", "reference")
    assert set(found.order("halve", "another")) == {"pairs", "sums", "reference"}
    assert found.order("halve", "narrow") == ("sums",)
    assert found.order("double", "") == ("twice",)
    assert found.measured["torch"]
    assert found.measured.keys() >= {"device", "date"}
