"""The benchmark is no package that is installed: its folder lies beside the tests. It is given data of a few digits."""

from __future__ import annotations

import hashlib
import struct
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from genwright.library import models_folder
from genwright.recipe import Recipe
from genwright.recording import Recording
from genwright.registry import Plugin, Registry, discover
from genwright.specs import DatasetSpec
from genwright.training import trained
from genwright_images import plugin

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))


@pytest.fixture
def mnist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    """A registry in whose MNIST, and in all that is made of it, are thirty digits: of a digit 3, row 3 is bright."""
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    digests = {"train": _written(mirror, "train", 250), "t10k": _written(mirror, "t10k", 230)}
    declared = [spec for hook in vars(plugin) if hook.startswith("register_") for spec in getattr(plugin, hook)()]
    for place, spec in enumerate(declared):
        if isinstance(spec, DatasetSpec):
            declared[place] = replace(spec, sha256=digests["t10k" if "t10k" in spec.url else "train"], mirrors=())
    images = Plugin(name="images", distribution="genwright-images", version="0.1.0", specs=tuple(declared))
    small = Registry([discover(only=[]).plugins[0], images], {})
    for user in ("genwright.api", "genwright.datasets", "benchmarks.shipped", "benchmarks.cases.bits"):
        monkeypatch.setattr(f"{user}.registry", lambda: small)
    for name, folder in (("CACHE", "cache"), ("HOME", "home"), ("DATA_MIRROR", "mirror")):
        monkeypatch.setenv(f"GENWRIGHT_{name}", str(tmp_path / folder))
    return small


def _written(folder: Path, name: str, level: int) -> str:
    labels = np.arange(30) % 10
    pixels = np.zeros((30, 12, 12))
    pixels[np.arange(30), labels] = level
    for kind, array in (("images-idx3", pixels), ("labels-idx1", labels)):
        header = struct.pack(">HBB", 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
        (folder / f"{name}-{kind}-ubyte").write_bytes(header + array.astype(np.uint8).tobytes())
    return hashlib.sha256((folder / f"{name}-images-idx3-ubyte").read_bytes()).hexdigest()


@pytest.fixture
def learn(mnist: Registry) -> Callable[[str, Recipe], None]:
    """Train a model for two steps, by its name and recipe, and put it among those of the user."""

    def learned(name: str, recipe: Recipe) -> None:
        trained(
            replace(recipe, steps=2, batch_size=4, warmup=1, held_out=0.0, precision="float32"),
            Recording(None, mnist, owned=False),
            name=name,
            folder=models_folder() / name,
            device="cpu",
            log_every=1,
            tensorboard=None,
            on_report=lambda progress: None,
        )

    return learned
