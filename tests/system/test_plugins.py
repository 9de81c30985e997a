"""Core and every plugin of this repository keep the contract that the conformance kit checks."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from genwright.testing.plugins import check_plugin
from genwright_images.writers import write

Install = Callable[..., None]

# The data sets of images are none that a package could bring along.
PICTURES = """
    from genwright.hooks import hookimpl
    from genwright.specs import DatasetSpec

    @hookimpl
    def register_datasets():
        yield DatasetSpec(
            name="few", target="genwright_images.readers:read", summary="", domain="images", licence="", rows=16,
            url="package://genwright_few/few.zip", sha256={digest!r},
        )
"""


@pytest.fixture
def pictures(site: Path, install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plugin that brings sixteen small pictures in colour."""
    monkeypatch.setenv("GENWRIGHT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("GENWRIGHT_DATA_MIRROR", raising=False)
    package = site / "genwright_few"
    package.mkdir()
    (package / "__init__.py").write_text("")
    bits = np.random.default_rng(0).integers(0, 256, (16, 8, 8, 3), dtype=np.uint8)
    write([Image.fromarray(picture) for picture in bits], package / "few.zip")
    digest = hashlib.sha256((package / "few.zip").read_bytes()).hexdigest()
    install("few", PICTURES.format(digest=digest))


@pytest.mark.parametrize(
    "name", [pytest.param("core", marks=pytest.mark.slow), "storage", "audio", "images", "molecules"]
)
def test_it_passes_every_check(pictures: None, name: str) -> None:
    found = list(check_plugin(name))
    assert [f"{check.name}: {check.trouble}" for check in found if check.trouble] == []
    assert len(found) > 10
