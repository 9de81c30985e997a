from __future__ import annotations

from pathlib import Path

from benchmarks.results import Section, as_json, as_markdown, from_json, merged
from benchmarks.row import Row, at_most

ROW = Row(
    section="speed",
    name="a | b",
    value=12345.678,
    unit="/s",
    spread=(12000.0, 13000.0),
    target=at_most(20_000),
    peers={"other": 0.123456},
    note="two\nlines",
)
SECTION = Section(name="speed", command="python benchmarks/run.py", environment={"Python": "3.11"}, rows=[ROW])


def test_the_page_shows_each_row_on_one_line_and_how_it_was_measured() -> None:
    page = as_markdown("Title", [SECTION])
    line = "| speed | a \\| b | ≤ 20000 | 12,346 /s | 12,000 to 13,000 | pass | other 0.1235 | two lines |"
    assert line in page.splitlines()
    assert "**speed**: `python benchmarks/run.py`" in page
    assert "Python 3.11." in page


def test_processor_time_has_a_column_where_it_was_measured() -> None:
    measured = Row(section="s", name="n", value=1.0, processor=21.44)
    section = Section(name="s", command="c", environment={}, rows=[measured, Row(section="s", name="m", value=2.0)])
    lines = as_markdown("Title", [section]).splitlines()
    assert "| section | what | target | measured | spread | CPU-µs each |  | peers | note |" in lines
    assert "| s | n |  | 1 |  | 21.44 |  |  |  |" in lines
    assert "| s | m |  | 2 |  |  |  |  |  |" in lines


def test_what_was_not_measured_has_an_empty_cell() -> None:
    row = Row(section="s", name="n", value=None, target=at_most(1.0), note="no data.")
    page = as_markdown("Title", [Section(name="s", command="c", environment={}, rows=[row])])
    assert "| s | n | ≤ 1 |  |  | not measured |  | no data. |" in page


def test_data_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    assert from_json(path) == []
    path.write_text(as_json([SECTION]), encoding="utf-8")
    assert from_json(path) == [SECTION]


def test_a_section_measured_again_takes_the_place_of_the_old_one() -> None:
    old = [Section(name=name, command="old", environment={}, rows=[]) for name in ("a", "b", "dropped")]
    new = [Section(name=name, command="new", environment={}, rows=[]) for name in ("c", "b")]
    found = merged(old, new, ["a", "b", "c"])
    assert [(section.name, section.command) for section in found] == [("a", "old"), ("b", "new"), ("c", "new")]
