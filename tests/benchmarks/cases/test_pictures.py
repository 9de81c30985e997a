from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import genwright.api
from benchmarks import shipped
from benchmarks.cases import pictures
from benchmarks.row import Row
from benchmarks.setting import Setting
from genwright.checkpoint import Checkpoint
from genwright.errors import UnknownName
from genwright.metrics import Value
from genwright.recipe import Component, Recipe, use
from genwright.recording import Recording
from genwright.registry import Plugin, Registry, discover
from genwright.seeds import Noise
from genwright.training import trained
from genwright_images import plugin
from genwright_images.classifier import Classifier
from genwright_images.domain import Images

UNET = use("unet", width=8, multipliers=(1, 2), blocks=1)
FLOW, STUDENT = "images/fashion", "images/fashion-student"
PIXELS, GAN = "images/fashion-pixels", "images/fashion-gan"
MADE: dict[str, tuple[Component, Component, Component]] = {
    FLOW: (use("pixels"), use("flow"), UNET),
    STUDENT: (use("pixels"), use("consistency", prediction="flow"), UNET),
    GAN: (use("pixels"), use("gan", latent=4), use("conv", width=4, multipliers=(1, 2))),
    PIXELS: (use("levels"), use("autoregressive"), use("pixelcnn", width=8, depth=1, mixture=2)),
}


@pytest.fixture(scope="module")
def registry() -> Registry:
    specs = [spec for hook in vars(plugin) if hook.startswith("register_") for spec in getattr(plugin, hook)()]
    images = Plugin(name="images", distribution="genwright-images", version="0.1.0", specs=tuple(specs))
    return Registry([discover(only=[]).plugins[0], images], {})


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty images in two classes, bright above and bright below."""
    folder = tmp_path_factory.mktemp("data") / "pictures"
    bits = Noise(0, torch.arange(60)).bits("pictures", 0, 64).view(60, 8, 8)
    pixels = (bits >> 25).numpy().astype(np.uint8)
    items = []
    for place, image in enumerate(pixels):
        image[slice(0, 4) if place % 2 else slice(4, 8)] += 120
        items.append(Image.fromarray(image))
        items[-1].info = {"class": ["below", "above"][place % 2]}
    Images().write(items, folder)
    return folder


@pytest.fixture(scope="module")
def models(data: Path, registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A model of each family that ships, trained for two steps."""
    found = {}
    for name, (encoder, family, backbone) in MADE.items():
        found[name] = tmp_path_factory.mktemp("models") / name.partition("/")[2]
        recipe = Recipe(
            domain="images",
            data=str(data),
            conditions=("class",),
            encoder=encoder,
            family=family,
            backbone=backbone,
            start=str(found[FLOW]) if name == STUDENT else "",
            steps=2,
            batch_size=8,
            warmup=1,
            held_out=0.0,
            precision="float32",
        )
        recording = Recording(None, registry, owned=False)
        trained(
            recipe,
            recording,
            name=name,
            folder=found[name],
            device="cpu",
            log_every=1,
            tensorboard=None,
            on_report=lambda progress: None,
        )
    return found


@pytest.fixture
def here(data: Path, registry: Registry, models: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """What is measured: these models, with these data in the place of those that their recipes name."""

    def find(name: str, registry: Registry) -> Checkpoint:
        if name not in models:
            raise UnknownName("model", name, models)
        return Checkpoint.open(models[name])

    class Registered:
        def get(self, kind: str, name: str) -> Any:
            return registry.get(kind, "fashion-mnist" if kind == "dataset" else name)

        def __getattr__(self, name: str) -> Any:
            return getattr(registry, name)

    learned = Classifier.trained
    monkeypatch.setattr(Classifier, "trained", lambda pixels, classes: learned(pixels, classes, steps=3))
    monkeypatch.setattr(shipped.library, "find", find)
    for module in (shipped, pictures):
        monkeypatch.setattr(module, "registry", Registered)
    monkeypatch.setattr(genwright.api, "registry", lambda: registry)
    monkeypatch.setattr(shipped, "find", lambda spec: data)
    return models


def measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: str = "families") -> list[Row]:
    monkeypatch.setenv("GENWRIGHT_CACHE", str(tmp_path / "cache"))
    return list(pictures.rows(Setting(model=model, quick=True, samples=16, scratch=tmp_path)))


def test_every_model_is_measured_by_its_calls_and_one_that_is_not_there_is_told(
    here: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = {row.name: row for row in measured(tmp_path, monkeypatch)}
    assert found["images/emoji"].note == "There is no such model yet."
    calls = {name.rpartition(", ")[2] for name in found if name.startswith("images/fashion: kernel-distance")}
    assert calls == {"5 calls", "10 calls", "20 calls", "79 calls"}
    assert f"{STUDENT}: frechet-distance, consistency, 2 calls" in found
    assert f"{GAN}: kernel-distance, prior, 1 calls" in found
    assert f"{PIXELS}: kernel-distance, temperature, 64 calls" in found
    assert {name for name in found if "bits a dimension" in name} == {
        "images/fashion: bits a dimension (bound)",
        "images/fashion-pixels: bits a dimension (exact)",
    }
    assert found[f"{PIXELS}: bits a dimension (exact)"].peers == {"Glow, published": 2.958}
    by = {"fashion": "heun", "fashion-student": "consistency", "fashion-gan": "prior", "fashion-pixels": "temperature"}
    assert all(f"images/{name}: class agreement, {sampler}" in found for name, sampler in by.items())
    assert "images/fashion-student at 2 calls: kernel distance to that of its teacher at 20" in found


def test_data_that_are_not_here_are_told(
    here: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipped, "find", lambda spec: None)
    (row,) = measured(tmp_path, monkeypatch, FLOW)
    assert row.value is None
    assert "is not on this machine: set GENWRIGHT_DATA_MIRROR" in row.note


def test_few_calls_are_compared_with_many_in_widths_of_their_interval() -> None:
    few, many = Value(value=3.0, error=0.3), Value(value=2.0, error=0.4)
    (row,) = pictures._compared({FLOW: {20: few, 79: many}})
    assert row.value == pytest.approx(1.0 / (1.96 * 0.5))
    assert row.verdict == "FAIL"


def test_a_student_is_compared_with_its_teacher() -> None:
    kept = {FLOW: {20: Value(value=2.0)}, STUDENT: {2: Value(value=2.5)}}
    (row,) = pictures._compared(kept)
    assert (row.value, row.verdict) == (1.25, "pass")
