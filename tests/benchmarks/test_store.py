from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks import store


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """One round of a few rows, and no new processes."""
    monkeypatch.setattr(store, "ROUNDS", 1)
    monkeypatch.setattr(store, "SINGLE", 2)
    monkeypatch.setattr(store, "BATCH", 10)
    monkeypatch.setattr(store, "import_seconds", lambda: "0.25 s")
    monkeypatch.setattr(store, "memory", lambda count: f"no more memory for {count:,}")


def test_each_way_to_use_a_store_has_its_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "results" / "store.md"
    monkeypatch.setattr("sys.argv", ["store.py", "--rows", "30", "--write", str(path)])
    store.main()
    text = path.read_text(encoding="utf-8")
    lines = re.findall(r"^\| (\w.*?) \| [\d,]+ \| [\d,]+ to [\d,]+ \| [\d.]+ \|$", text, re.MULTILINE)
    assert len(lines) == 6
    assert [line.split(",")[0] for line in lines[:2]] == ["sqlite3 alone", "put_samples"]
    assert "`python benchmarks/store.py --rows 30`" in text
    assert "- no more memory for 10,000." in text


def test_work_is_timed_on_the_clock_and_by_the_processor() -> None:
    seconds = store.raw(20, 5)
    assert len(seconds) == 2
    assert min(seconds) >= 0


def test_the_middle_of_the_rounds_is_shown_with_the_ends() -> None:
    lines = list(store.table([("put", 100, [(1.0, 0.1), (2.0, 0.3), (0.5, 0.2)])]))
    assert lines[-1] == "| put | 100 | 50 to 200 | 2000.0 |"
