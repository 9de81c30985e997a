from __future__ import annotations

import gzip
import lzma
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from genwright.seeds import Noise

Pictures = Callable[..., list[Image.Image]]
WriteIdx = Callable[[Path, np.ndarray], None]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GENWRIGHT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="session")
def pictures() -> Pictures:
    """Make images of noise, by turns of class "a" and "b": pictures(4, size=(8, 6), mode="RGB", seed=1)."""

    def make(count: int, *, size: tuple[int, int] = (8, 6), mode: str = "L", seed: int = 0) -> list[Image.Image]:
        shape = (size[1], size[0]) if mode == "L" else (size[1], size[0], 3)
        bits = Noise(seed, torch.arange(count)).bits("pictures", 0, int(np.prod(shape)))
        found = [Image.fromarray(row.reshape(shape)) for row in (bits >> 24).numpy().astype(np.uint8)]
        for place, image in enumerate(found):
            image.info = {"class": "ab"[place % 2], "caption": f"number {place}"}
        return found

    return make


@pytest.fixture(scope="session")
def write_idx() -> WriteIdx:
    """Write an IDX file of bytes, compressed if its name says so."""

    def write(path: Path, array: np.ndarray) -> None:
        header = struct.pack(">HBB", 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
        data = header + array.astype(np.uint8).tobytes()
        compress = {".gz": gzip.compress, ".xz": lzma.compress}.get(path.suffix, bytes)
        path.write_bytes(compress(data))

    return write
