"""Boxes within boxes, as an indented text and as an SVG picture."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

__all__ = ["Box", "drawn", "outlined"]

_WIDEST = 110
_INDENT, _LINE, _PADDING, _GAP = 28, 18, 10, 14
# A monospaced letter of 12 px is about this wide in every font of the kind.
_LETTER = 7.3


@dataclass(frozen=True, kw_only=True)
class Box:
    """A title, what is to be read below it, and the boxes that it leads to."""

    title: str
    lines: Sequence[str] = ()
    inner: Sequence[Box] = ()


def outlined(box: Box) -> str:
    """Return boxes as lines of text, each two spaces further in than the one it belongs to."""
    found = []
    for depth, each in _walked(box):
        found.append("  " * depth + _plain(each.title))
        found += ["  " * (depth + 2) + _plain(line) for line in each.lines]
    return "\n".join(found)


def drawn(box: Box) -> str:
    """Return boxes as an SVG document: a column, each box further in than the one that leads to it by a line.

    Whatever the texts hold, they are shown as text, and the document has no script, link or font to load.
    """
    parts, y, width = [], _GAP, 0.0
    corners: dict[int, tuple[int, int]] = {}
    for depth, each in _walked(box):
        texts = [_shortened(text) for text in (each.title, *each.lines)]
        x, height = _GAP + depth * _INDENT, 2 * _PADDING + _LINE * len(texts)
        across = 2 * _PADDING + _LETTER * max(map(len, texts))
        if depth:
            parts.append(_connection(*corners[depth - 1], x, y + _PADDING + _LINE // 2))
        parts.append(_rectangle(x, y, across, height, texts))
        corners[depth] = (x + _INDENT // 2, y + height)
        y, width = y + height + _GAP, max(width, x + across + _GAP)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{y}" viewBox="0 0 {width:.0f} {y}">'
    return "\n".join((head, _STYLE, *parts, "</svg>", ""))


def _walked(box: Box, depth: int = 0) -> Iterator[tuple[int, Box]]:
    """Yield a box and all within it, in the order of reading, each with its depth."""
    waiting = [(depth, box)]
    while waiting:
        depth, each = waiting.pop()
        yield depth, each
        waiting += [(depth + 1, inner) for inner in reversed(each.inner)]


def _rectangle(x: int, y: int, width: float, height: int, texts: Sequence[str]) -> str:
    rows = [
        f'<text x="{x + _PADDING}" y="{y + _PADDING + _LINE * place + 13}"{"" if place else _BOLD}>'
        f"{html.escape(text)}</text>"
        for place, text in enumerate(texts)
    ]
    return f'<rect x="{x}" y="{y}" width="{width:.0f}" height="{height}" rx="4"/>' + "".join(rows)


def _connection(x: int, y: int, to_x: int, to_y: int) -> str:
    return f'<path d="M {x} {y} V {to_y} H {to_x}"/>'


def _shortened(text: str) -> str:
    text = _plain(text)
    return text if len(text) <= _WIDEST else text[: _WIDEST - 1] + "…"


def _plain(text: str) -> str:
    """Return a text on one line: what cannot be printed, or turns its direction, as Python escapes it."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


_BOLD = ' font-weight="bold"'
_STYLE = (
    "<style>rect{fill:#fff;stroke:#555}path{fill:none;stroke:#555}"
    "text{font:12px ui-monospace,monospace;fill:#111;white-space:pre}</style>"
)
