"""Drawings of molecules: pictures, grids of them, and a page that opens without a network."""

from __future__ import annotations

import html
import textwrap
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rdkit import Chem
from rdkit.Chem.Draw import rdMolDraw2D

from genwright.drawings import check_drawn
from genwright.errors import DataError
from genwright.files import new_file
from genwright_molecules.molecule import flaw, parse

__all__ = ["draw", "page", "png", "svg"]

_COLUMNS = 5
_ALONE = (400, 400)
_CELL = (250, 240)


def draw(items: Sequence[str], path: Path, *, legends: Sequence[str] = ()) -> None:
    """Draw molecules to a new .svg, .png or .html file, one alone or several in a grid.

    legends: one an item, or none; an invalid item gets an empty cell with its flaw

    Raises DataError for another ending or a file that exists, OptionError for no items, over 400, or too few legends.
    """
    ending = path.suffix.lower()
    if ending not in _DRAWINGS:
        raise DataError(f"molecules are drawn as {', '.join(_DRAWINGS)}; got {path.name!r}. Name the file so.")
    data = _DRAWINGS[ending](items, legends)
    with new_file(path) as stream:
        stream.write(data)


def svg(items: Sequence[str], legends: Sequence[str] = ()) -> str:
    """Return an SVG picture of molecules."""
    drawing = rdMolDraw2D.MolDraw2DSVG(*_sizes(items, legends))
    # RDKit declares Latin-1, but the files are written as UTF-8.
    return str(_drawn(drawing, items, legends)).replace("iso-8859-1", "UTF-8", 1)


def png(items: Sequence[str], legends: Sequence[str] = ()) -> bytes:
    """Return a PNG picture of molecules."""
    drawing = rdMolDraw2D.MolDraw2DCairo(*_sizes(items, legends))
    return bytes(_drawn(drawing, items, legends))


def page(items: Sequence[str], *, title: str = "Molecules", captions: Sequence[Mapping[str, object]] = ()) -> str:
    """Return an HTML page of molecules, with no script in it and nothing to fetch.

    captions: what to say of each item, by name: {"logP": 2.5}; one an item, or none
    """
    check_drawn(items, captions, of="a molecule", name="captions")
    cells = "\n".join(_cell(item, captions[i] if captions else {}) for i, item in enumerate(items))
    return _PAGE.format(title=_escaped(title), cells=cells)


def _sizes(items: Sequence[str], legends: Sequence[str]) -> tuple[int, int, int, int]:
    """Return the width and height of the picture and of a cell in it, in pixels."""
    check_drawn(items, legends, of="a molecule")
    if len(items) == 1:
        return *_ALONE, *_ALONE
    columns = min(len(items), _COLUMNS)
    rows = -(-len(items) // columns)
    return columns * _CELL[0], rows * _CELL[1], *_CELL


def _drawn(drawing: Any, items: Sequence[str], legends: Sequence[str]) -> Any:
    """Return what the drawing of a kind becomes: text or bytes."""
    molecules = [parse(item) for item in items]
    texts = [_legend(item, legends[i] if legends else "") for i, item in enumerate(items)]
    drawing.drawOptions().legendFontSize = 14
    drawing.drawOptions().legendFraction = 0.2
    drawing.DrawMolecules([molecule or _nothing() for molecule in molecules], legends=texts)
    drawing.FinishDrawing()
    return drawing.GetDrawingText()


def _nothing() -> Chem.Mol:
    """Return what stands for an invalid molecule: RDKit draws no legend to a molecule without an atom."""
    molecule = Chem.MolFromSmiles("*")
    molecule.GetAtomWithIdx(0).SetProp("_displayLabel", "?")
    return molecule


def _legend(item: str, legend: str) -> str:
    reason = flaw(item)
    lines = [] if reason is None else textwrap.wrap(reason, 36)[:4]
    # RDKit's fonts lack control characters, and its Python binding refuses lone surrogates.
    clean = "".join(c if c.isprintable() else "?" for c in legend)
    return "\n".join([*lines, *textwrap.wrap(clean, 36)[:3]])


def _cell(item: str, caption: Mapping[str, object]) -> str:
    reason = flaw(item)
    picture = _inline(svg([item])) if reason is None else f"<p>{_escaped(reason)}</p>"
    entries = "".join(
        f"<dt>{_escaped(name)}</dt><dd>{_escaped(_number(value))}</dd>" for name, value in caption.items()
    )
    return f"<figure>{picture}<figcaption><code>{_escaped(item)}</code><dl>{entries}</dl></figcaption></figure>"


def _inline(picture: str) -> str:
    """Return an SVG without its XML declaration, as HTML embeds it."""
    return picture[picture.index("<svg") :]


def _number(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _escaped(text: str) -> str:
    return html.escape("".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text))


def _svg_file(items: Sequence[str], legends: Sequence[str]) -> bytes:
    return svg(items, legends).encode()


def _html_file(items: Sequence[str], legends: Sequence[str]) -> bytes:
    return page(items, captions=[{"": legend} for legend in legends]).encode()


_DRAWINGS: Mapping[str, Callable[[Sequence[str], Sequence[str]], bytes]] = {
    ".svg": _svg_file,
    ".png": png,
    ".html": _html_file,
}

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{title}</title>
<style>
body {{ font: 14px/1.4 sans-serif; margin: 2em; color: #222; background: #fff }}
main {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(240px, 1fr)); gap: 1em }}
figure {{ margin: 0; padding: .5em; border: 1px solid #ddd; border-radius: 6px }}
figure > svg {{ width: 100%; height: auto }}
figure > p {{ min-height: 8em; color: #a00 }}
code {{ overflow-wrap: anywhere; font-size: 12px }}
dl {{ display: grid; grid-template-columns: auto 1fr; gap: 0 .8em; margin: .4em 0 0 }}
dd {{ margin: 0; text-align: right }}
</style>
</head>
<body>
<h1>{title}</h1>
<main>
{cells}
</main>
</body>
</html>
"""
