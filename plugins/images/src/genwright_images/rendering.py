"""Pictures of images: contact sheets, strips and films."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from genwright.drawings import check_drawn, fitting
from genwright.errors import DataError, OptionError
from genwright.files import new_file
from genwright_images.png import to_bytes
from genwright_images.provenance import unsigned

__all__ = ["draw", "film", "sheet", "strip"]

_ALONE, _CELL = 448, 112
_GAP = 4
_LEGEND = 16
# A film shows a step for a tenth of a second and its last for two seconds.
_STEP, _LAST = 100, 2_000


def draw(items: Sequence[Image.Image], path: Path, *, legends: Sequence[str] = ()) -> None:
    """Draw one image, enlarged by a whole factor, or a contact sheet of several to a new .png file.

    Raises DataError for another ending or a file that exists, OptionError for no images, over 400, or too few legends.
    """
    if path.suffix.lower() != ".png":
        raise DataError(f"images are drawn as .png; got {path.name!r}. Name the file so.")
    if len(items) == 1 and not legends:
        picture = _enlarged(items[0], _ALONE)
        # Enlarged, its pixels are no more those that were signed.
        picture.info = unsigned(items[0])
    else:
        picture = sheet(items, legends=legends)
    with new_file(path) as stream:
        stream.write(to_bytes(picture))


def sheet(images: Sequence[Image.Image], *, legends: Sequence[str] = (), columns: int | None = None) -> Image.Image:
    """Return a contact sheet: the images side by side, small ones enlarged by a whole factor, large ones reduced.

    legends: a line under each, or none
    columns: how many stand in a row; None for about as many as there are rows

    Raises OptionError for no images, over 400, another number of legends, or less than one column.
    """
    check_drawn(images, legends, of="an image")
    cells = [_fitted(image, _CELL) for image in images]
    columns = _columns(len(cells)) if columns is None else min(columns, len(cells))
    if columns < 1:
        raise OptionError(f"a contact sheet has one column or more; got {columns}. Leave it out for about a square.")
    width, height = max(cell.width for cell in cells), max(cell.height for cell in cells)
    across, down = width + _GAP, height + _GAP + (_LEGEND if legends else 0)
    rows = -(-len(cells) // columns)
    page = Image.new("RGB", (columns * across + _GAP, rows * down + _GAP), "white")
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(10)
    for place, cell in enumerate(cells):
        left, top = _GAP + place % columns * across, _GAP + place // columns * down
        page.paste(cell, (left, top))
        if legends:
            pen.text((left, top + height), fitting(legends[place], width, font.getlength), "black", font)
    return page


def strip(rows: Sequence[Sequence[Image.Image]]) -> Image.Image:
    """Return rows of images without gaps, as of steps from one to another.

    Raises OptionError for images that are not in rows, or for none or over 400 of them.
    """
    _require_rows(rows)
    images = [image for row in rows for image in row]
    check_drawn(images, (), of="an image")
    cells = [[_fitted(image, _CELL) for image in row] for row in rows]
    width = max(cell.width for row in cells for cell in row)
    height = max(cell.height for row in cells for cell in row)
    page = Image.new("RGB", (width * max(map(len, rows)), height * len(rows)), "white")
    for y, row in enumerate(cells):
        for x, cell in enumerate(row):
            page.paste(cell, (x * width, y * height))
    return page


def film(steps: Sequence[Sequence[Image.Image]], path: Path | str) -> None:
    """Write a .gif of how images came about: a contact sheet a step, for ever repeated, the last shown for longer.

    Steps that look alike become one frame, shown for as long as all of them.

    Raises DataError for another ending or a file that exists, OptionError for no steps, for images that are not in a
    list a step, for none or over 400 of them, or for steps with other numbers or sizes of images.
    """
    path = Path(path)
    if path.suffix.lower() != ".gif":
        raise DataError(f"films are written as .gif; got {path.name!r}. Name the file so.")
    if not steps:
        raise OptionError("a film needs one step or more; got none. Give a list of images a step.")
    _require_rows(steps)
    # Grey keeps all its levels in the 256 colours of a GIF; others are chosen for each frame.
    frames = [sheet(images).quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE) for images in steps]
    if len({frame.size for frame in frames}) > 1:
        raise OptionError("a film has as many images in each step, of one size; these differ. Give the same of each.")
    times = [_STEP] * (len(frames) - 1) + [_LAST]
    stream = io.BytesIO()
    frames[0].save(stream, "GIF", save_all=True, append_images=frames[1:], duration=times, loop=0, optimize=False)
    with new_file(path) as file:
        file.write(stream.getvalue())


def _require_rows(rows: Sequence[object]) -> None:
    loose = next((row for row in rows if not isinstance(row, Sequence) or isinstance(row, str)), None)
    if loose is not None:
        raise OptionError(
            f"images are laid out in rows, a list of images each; got {type(loose).__name__} where a row should be. "
            "Write one row as [images]."
        )


def _columns(count: int) -> int:
    return next(columns for columns in range(1, count + 1) if columns * columns >= count)


def _fitted(image: Image.Image, side: int) -> Image.Image:
    if max(image.size) <= side:
        return _enlarged(image, side)
    return image.convert("RGB").resize(_reduced(image, side), Image.Resampling.LANCZOS)


def _enlarged(image: Image.Image, side: int) -> Image.Image:
    factor = max(1, side // max(image.size))
    return image.resize((image.width * factor, image.height * factor), Image.Resampling.NEAREST)


def _reduced(image: Image.Image, side: int) -> tuple[int, int]:
    longest = max(image.size)
    return max(1, round(image.width * side / longest)), max(1, round(image.height * side / longest))
