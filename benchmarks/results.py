"""What was measured, section by section, as a page to read and as data that a later run adds to."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, final

from benchmarks.row import Row, Target

__all__ = ["Section", "as_json", "as_markdown", "from_json", "merged"]

_HEAD = ("section", "what", "target", "measured", "spread", "CPU-µs each", "", "peers", "note")
_PROCESSOR = _HEAD.index("CPU-µs each")


@final
@dataclass(frozen=True, kw_only=True)
class Section:
    """The rows of one section, and with what they were measured."""

    name: str
    command: str
    environment: Mapping[str, str]
    rows: Sequence[Row]


def merged(old: Sequence[Section], new: Sequence[Section], order: Sequence[str]) -> list[Section]:
    """Return the new sections, and those of the old ones that were not measured again."""
    found = {section.name: section for section in (*old, *new)}
    return [found[name] for name in order if name in found]


def as_markdown(title: str, sections: Sequence[Section]) -> str:
    """Return a page: one table, and below it how each section was measured."""
    rows = [row for section in sections for row in section.rows]
    table = [_HEAD, ["---"] * len(_HEAD), *map(_cells, rows)]
    if all(row.processor is None for row in rows):
        table = [[*cells[:_PROCESSOR], *cells[_PROCESSOR + 1 :]] for cells in table]
    return "\n".join(
        [
            f"# {title}",
            "",
            *map(_line, table),
            "",
            "Spread: smallest and largest of the repetitions; of a metric, the value less and plus its standard error.",
            "",
            *(line for section in sections for line in _origin(section)),
        ]
    )


def as_json(sections: Sequence[Section]) -> str:
    """Return the sections as a JSON text, which `from_json` reads."""
    return json.dumps([_plain(section) for section in sections], indent=1, ensure_ascii=False) + "\n"


def from_json(path: Path) -> list[Section]:
    """Return the sections of a file; none where there is no file."""
    if not path.exists():
        return []
    return [_read(section) for section in json.loads(path.read_text(encoding="utf-8"))]


def _origin(section: Section) -> Iterable[str]:
    yield f"**{section.name}**: `{section.command}`"
    yield ", ".join(f"{name} {value}" for name, value in section.environment.items()) + "."
    yield ""


def _plain(section: Section) -> dict[str, Any]:
    rows = [{**asdict(row), "verdict": row.verdict} for row in section.rows]
    return {**asdict(section), "rows": rows}


def _read(section: Mapping[str, Any]) -> Section:
    return Section(**{**section, "rows": [_read_row(row) for row in section["rows"]]})


def _read_row(row: Mapping[str, Any]) -> Row:
    given = {name: value for name, value in row.items() if name != "verdict"}
    target, spread = given["target"], given["spread"]
    return Row(**{**given, "target": target and Target(**target), "spread": spread and tuple(spread)})


def _cells(row: Row) -> list[str]:
    return [
        row.section,
        row.name,
        str(row.target or ""),
        "" if row.value is None else f"{_number(row.value)} {row.unit}".rstrip(),
        "" if row.spread is None else " to ".join(map(_number, row.spread)),
        "" if row.processor is None else _number(row.processor),
        row.verdict,
        "; ".join(f"{name} {_number(value)}" for name, value in row.peers.items()),
        row.note,
    ]


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def _number(value: float) -> str:
    """Return four significant digits, or all of those before the point."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
