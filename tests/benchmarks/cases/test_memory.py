from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.cases import memory
from benchmarks.cases.memory import growth
from benchmarks.row import Row
from benchmarks.setting import Setting


def test_growth_is_of_the_second_half() -> None:
    assert growth([1.0, 5.0, 8.0, 9.0, 10.0, 10.0, 10.0, 10.0]) == 0.0
    assert growth([10.0 * step for step in range(8)]) == pytest.approx(20.0)


def test_a_process_that_streams_and_records_is_weighed_as_it_goes(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "_MARKS", 4)
    (row,) = memory.rows(setting)
    assert row.name == "growth of resident memory over the second half of 100 molecules, recorded"
    assert row.value is not None
    assert abs(row.value) < 100
    assert row.note.startswith("MiB after each 25: ")
    assert len(row.note.split(": ")[1].split()) == 4
    assert (setting.scratch / "memory.sqlite").exists()


def test_where_memory_cannot_be_read_that_is_told(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "exists", lambda path: False)
    (row,) = memory.rows(setting)
    assert isinstance(row, Row)
    assert (row.value, row.note) == (None, "read from /proc, which only Linux has.")
