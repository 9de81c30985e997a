from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image

from genwright.errors import DataError
from genwright_images.pictures import decoded

GRADIENT = Image.linear_gradient("L").resize((20, 10))


def saved(image: Image.Image, format: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, format, **options)
    return stream.getvalue()


def declared(width: int, height: int) -> bytes:
    """Return a PNG that says it has this size, and holds next to nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 99)) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(("format", "options"), [("PNG", {}), ("WEBP", {"lossless": True}), ("JPEG", {"quality": 95})])
def test_each_format_is_decoded(format: str, options: dict[str, Any]) -> None:
    image = decoded(io.BytesIO(saved(GRADIENT, format, **options)))
    difference = np.asarray(image.convert("L"), dtype=int) - np.asarray(GRADIENT, dtype=int)
    assert np.abs(difference).max() <= (3 if format == "JPEG" else 0)


def test_a_photograph_is_turned_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    assert decoded(io.BytesIO(saved(GRADIENT, "JPEG", exif=exif))).size == (10, 20)


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
def test_a_file_that_breaks_off_is_refused(format: str) -> None:
    data = saved(Image.effect_noise((64, 64), 90), format)
    with pytest.raises(DataError, match=r"It cannot be decoded: |It is damaged, or no PNG"):
        decoded(io.BytesIO(data[: len(data) // 2]))


def test_another_format_is_refused() -> None:
    with pytest.raises(DataError, match=r"It is damaged, or no PNG, JPEG or WebP file"):
        decoded(io.BytesIO(saved(GRADIENT, "GIF")))


@pytest.mark.parametrize(
    ("size", "message"),
    [
        ((100_000, 10_000), "It has 1,000,000,000 pixels, over the limit of 67,108,864"),
        ((10_000, 10_000), "It has 100,000,000 pixels, over the limit of 67,108,864"),
        ((10_000, 8_000), "It has 80,000,000 pixels, over the limit of 67,108,864"),
    ],
)
def test_too_many_pixels_are_refused_before_any_is_decoded(
    size: tuple[int, int], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", fail)
    with pytest.raises(DataError, match=message):
        decoded(io.BytesIO(declared(*size)))


def test_sixteen_bits_are_refused() -> None:
    data = saved(Image.new("I;16", (4, 4)), "PNG")
    with pytest.raises(DataError, match=r"It cannot be decoded: mode I;16 has more than 8 bits a channel"):
        decoded(io.BytesIO(data))
