"""Core and every plugin of this repository keep the contract that the conformance kit checks."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import genwright_audio.writers
import genwright_images.writers
from genwright.testing.plugins import check_plugin
from genwright_audio.clip import Clip, stepped

Install = Callable[..., None]

# The data sets of these domains are none that a package could bring along.
FEW = """
    from genwright.hooks import hookimpl
    from genwright.specs import DatasetSpec

    @hookimpl
    def register_datasets():
        for name, domain, digest in {sets!r}:
            yield DatasetSpec(
                name=name, target=f"genwright_{{domain}}.readers:read", summary="", domain=domain, licence="", rows=16,
                url=f"package://genwright_few/{{name}}.zip", sha256=digest,
            )
"""


@pytest.fixture
def few(site: Path, install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plugin that brings sixteen small pictures in colour, and sixteen short sounds."""
    monkeypatch.setenv("GENWRIGHT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("GENWRIGHT_DATA_MIRROR", raising=False)
    package = site / "genwright_few"
    package.mkdir()
    (package / "__init__.py").write_text("")
    draws = np.random.default_rng(0)
    bits = draws.integers(0, 256, (16, 8, 8, 3), dtype=np.uint8)
    genwright_images.writers.write([Image.fromarray(picture) for picture in bits], package / "pictures.zip")
    waves = [stepped(draws.uniform(-0.5, 0.5, 600 + 20 * place)) for place in range(16)]
    genwright_audio.writers.write([Clip(wave=wave, rate=8_000) for wave in waves], package / "sounds.zip")
    sets = [(name, domain, digest(package, name)) for name, domain in (("pictures", "images"), ("sounds", "audio"))]
    install("few", FEW.format(sets=sets))


def digest(package: Path, name: str) -> str:
    return hashlib.sha256((package / f"{name}.zip").read_bytes()).hexdigest()


@pytest.mark.parametrize(
    "name", [pytest.param("core", marks=pytest.mark.slow), "storage", "audio", "images", "molecules"]
)
def test_it_passes_every_check(few: None, name: str) -> None:
    found = list(check_plugin(name))
    assert [f"{check.name}: {check.trouble}" for check in found if check.trouble] == []
    assert len(found) > 10
