"""Pictures of sounds: the waveform above, the spectrogram below."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32, UInt8
from numpy import ndarray
from PIL import Image, ImageDraw, ImageFont

from genwright.drawings import check_drawn, fitting
from genwright.errors import DataError
from genwright.files import new_file
from genwright_audio.clip import Clip
from genwright_audio.page import page

__all__ = ["draw", "picture", "sheet"]

_WIDTH, _WAVE, _SPECTRUM = 320, 48, 96
_ALONE = 3
_GAP, _LEGEND = 6, 16
_INK, _PAPER = (38, 70, 110), (255, 255, 255)
# Of levels over the last 80 dB, between which colours go in lines.
_COLOURS = np.array([(255, 255, 255), (178, 205, 225), (86, 140, 190), (120, 60, 140), (60, 10, 40)], dtype=np.float64)
_RANGE = 80.0
_AT_ONCE = 40


def draw(items: Sequence[Clip], path: Path, *, legends: Sequence[str] = ()) -> None:
    """Draw one clip or a sheet of several to a new .png file, or a page with a player for each to a new .html file.

    Raises DataError for another ending or a file that exists, OptionError for no clips, over 400, or too few legends.
    """
    check_drawn(items, legends, of="a clip")
    ending = path.suffix.lower()
    data: Iterator[bytes]
    if ending == ".html":
        # Part by part: all of them may have gigabytes.
        drawn = ((clip, to_png(picture(clip))) for clip in items)
        data = map(str.encode, page(drawn, legends=legends))
    elif ending == ".png":
        alone = len(items) == 1 and not legends
        data = iter([to_png(picture(items[0], scale=_ALONE) if alone else sheet(items, legends=legends))])
    else:
        raise DataError(f"sounds are drawn as .png or .html; got {path.name!r}. Name the file so.")
    with new_file(path) as stream:
        stream.writelines(data)


def sheet(items: Sequence[Clip], *, legends: Sequence[str] = ()) -> Image.Image:
    """Return the pictures of clips side by side, with a line under each, or none.

    Raises OptionError for no clips, over 400, or another number of legends.
    """
    check_drawn(items, legends, of="a clip")
    columns = next(count for count in range(1, len(items) + 1) if 2 * count * count >= len(items))
    across, down = _WIDTH + _GAP, _WAVE + _SPECTRUM + _GAP + (_LEGEND if legends else 0)
    rows = -(-len(items) // columns)
    whole = Image.new("RGB", (columns * across + _GAP, rows * down + _GAP), _PAPER)
    pen, font = ImageDraw.Draw(whole), ImageFont.load_default(10)
    for place, clip in enumerate(items):
        left, top = _GAP + place % columns * across, _GAP + place // columns * down
        whole.paste(picture(clip), (left, top))
        if legends:
            under = (left, top + _WAVE + _SPECTRUM)
            pen.text(under, fitting(legends[place], _WIDTH, font.getlength), (0, 0, 0), font)
    return whole


def picture(clip: Clip, *, scale: int = 1) -> Image.Image:
    """Return the waveform of a clip over its spectrogram: time from left to right, frequencies upward to half the rate.

    The loudest is darkest, and 80 dB below it is white.

    scale: how many times as large as on a sheet
    """
    width, wave, spectrum = scale * _WIDTH, scale * _WAVE, scale * _SPECTRUM
    whole = Image.new("RGB", (width, wave + spectrum), _PAPER)
    samples = np.nan_to_num(np.asarray(clip.wave, dtype=np.float32)).clip(-1, 1)
    _draw_wave(ImageDraw.Draw(whole), samples, width, wave)
    # Of 25 ms, in which speech hardly changes, to a power of two.
    window = 1 << max(6, min(12, round(math.log2(max(clip.rate, 1) / 40))))
    whole.paste(_spectrogram(samples, window, width, spectrum), (0, wave))
    return whole


def to_png(image: Image.Image) -> bytes:
    """Return a picture as a PNG file."""
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


def _draw_wave(pen: ImageDraw.ImageDraw, samples: Float32[ndarray, " L"], width: int, height: int) -> None:
    """Draw from the least to the largest sample of each column."""
    edges = np.linspace(0, len(samples), width + 1).astype(int)
    middle = (height - 1) / 2
    for x, (first, last) in enumerate(pairwise(edges)):
        part = samples[first : max(last, first + 1)]
        low, high = (float(part.min()), float(part.max())) if len(part) else (0.0, 0.0)
        pen.line([(x, middle - high * middle), (x, middle - low * middle)], fill=_INK)


def _spectrogram(samples: Float32[ndarray, " L"], size: int, width: int, height: int) -> Image.Image:
    levels = 20 * np.log10(_loudest(samples, size, width).clip(min=1e-10))
    shares = ((levels - levels.max()) / _RANGE + 1).clip(0, 1)
    return Image.fromarray(_coloured(shares[::-1])).resize((width, height), Image.Resampling.BILINEAR)


def _loudest(samples: Float32[ndarray, " L"], size: int, width: int) -> Float32[ndarray, "F W"]:
    """Return the largest magnitude of each frequency in each of at most `width` columns; no sample lies between them.

    A few columns are computed at once, since a long clip has more frames than fit into memory.
    """
    whole = np.pad(samples, (0, max(0, size - len(samples))))
    # Further apart, frames would hardly hear what is between them.
    hop = min(max(1, len(whole) // width), size // 2)
    count = len(whole) // hop + 1
    whole = np.pad(whole, size // 2, mode="reflect")
    edges = np.linspace(0, count, min(count, width) + 1).astype(int)
    blocks = []
    for start in range(0, len(edges) - 1, _AT_ONCE):
        *firsts, last = edges[start : start + _AT_ONCE + 1]
        frames = _magnitudes(whole[firsts[0] * hop : (last - 1) * hop + size], size, hop)
        blocks.append(np.maximum.reduceat(frames, np.array(firsts) - firsts[0]))
    return np.concatenate(blocks).T


def _magnitudes(part: Float32[ndarray, " L"], size: int, hop: int) -> Float32[ndarray, "T F"]:
    window = torch.hann_window(size)
    spectra = torch.stft(torch.from_numpy(part), size, hop, window=window, center=False, return_complex=True)
    found: ndarray = spectra.abs().numpy().T
    return found


def _coloured(shares: ndarray) -> UInt8[ndarray, "Y X 3"]:
    places = np.linspace(0, 1, len(_COLOURS))
    channels = [np.interp(shares, places, _COLOURS[:, channel]) for channel in range(3)]
    found: ndarray = np.stack(channels, -1).round().astype(np.uint8)
    return found
