"""Every recipe of images trains, in tiny sizes, and what it trains draws, those that start from others after these."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from genwright.errors import MismatchError
from genwright.generation import PLAINEST, Generation, suited
from genwright.model import Model
from genwright.recipe import Component, Recipe, use
from genwright.recording import Recording
from genwright.registry import Plugin, Registry, discover
from genwright.seeds import Noise
from genwright.training import trained
from genwright_images import plugin
from genwright_images.domain import Images

RECIPES = {path.stem: path for path in sorted((Path(__file__).parents[2] / "recipes").glob("images-*.toml"))}
SMALL: Mapping[str, Mapping[str, Any]] = {
    "unet": {"width": 8, "blocks": 1},
    "pixelcnn": {"width": 8, "depth": 1, "mixture": 2},
    "conv": {"width": 4, "blocks": 1},
    "dit": {"width": 16, "depth": 1, "heads": 2},
}
# A student is not drawn from as its teacher is.
SUITED = {"images-fashion-student": "consistency"}


@pytest.fixture(scope="module")
def registry() -> Registry:
    specs = [spec for hook in vars(plugin) if hook.startswith("register_") for spec in getattr(plugin, hook)()]
    images = Plugin(name="images", distribution="genwright-images", version="0.1.0", specs=tuple(specs))
    return Registry([discover(only=[]).plugins[0], images], {})


def pictures(folder: Path, data: str) -> Path:
    """Write a few images of the size and the facts that a data set's have; return where."""
    colours, size = {"emoji": (3, 32), "stacked-mnist": (3, 28)}.get(data, (1, 28))
    bits = Noise(0, torch.arange(12)).bits("pictures", 0, size * size * colours) >> 24
    pixels = bits.numpy().astype(np.uint8).reshape(12, size, size, colours)
    items = [Image.fromarray(row if colours == 3 else row[..., 0]) for row in pixels]
    for number, item in enumerate(items):
        item.info = {"class": "ab"[number % 2], "caption": f"{['red', 'green'][number % 2]} thing"}
    Images().write(items, folder)
    return folder


class Workshop:
    """Trains models of recipes for two steps, each once."""

    def __init__(self, folder: Path, registry: Registry) -> None:
        self.folder, self.registry = folder, registry

    def model(self, name: str) -> Model[Any]:
        """Return the model of a recipe."""
        folder = self.folder / name
        if not folder.exists():
            self.train(self.shrunk(Recipe.read(RECIPES[name])), folder)
        return Model.load(folder, self.registry)

    def train(self, recipe: Recipe, folder: Path) -> None:
        trained(
            recipe,
            Recording(None, self.registry, owned=False),
            name=f"images/{folder.name}",
            folder=folder,
            device="cpu",
            log_every=1,
            tensorboard=None,
            on_report=lambda progress: None,
        )

    def shrunk(self, recipe: Recipe) -> Recipe:
        """Return a recipe of the same components, small enough to train at once."""
        assert recipe.encoder is not None
        data = self.folder / recipe.data
        return replace(
            recipe,
            data=str(data if data.exists() else pictures(data, recipe.data)),
            steps=2,
            batch_size=4,
            warmup=1,
            held_out=0.1 if recipe.held_out else 0.0,
            compile=False,
            start=recipe.start and self.found(recipe.start),
            encoder=use(recipe.encoder.name, **{**recipe.encoder.options, **self.wrapped(recipe.encoder)}),
            family=use(recipe.family.name, **recipe.family.options),
            backbone=use(recipe.backbone.name, **{**recipe.backbone.options, **SMALL[recipe.backbone.name]}),
        )

    def wrapped(self, encoder: Component) -> dict[str, str]:
        return {"model": self.found(encoder.options["model"])} if "model" in encoder.options else {}

    def found(self, model: str) -> str:
        """Return the folder of a model that a recipe names, trained by the recipe of its name."""
        name = model.replace("/", "-")
        self.model(name)
        return str(self.folder / name)


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory, registry: Registry) -> Workshop:
    return Workshop(tmp_path_factory.mktemp("models"), registry)


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_trains_and_its_model_draws(name: str, workshop: Workshop, registry: Registry) -> None:
    model = workshop.model(name)
    where = {"class": "a"} if "class" in model.recipe.conditions else {}
    where |= {"caption": "green"} if "caption" in model.recipe.conditions else {}
    if model.recipe.family.name == "vqvae":
        with pytest.raises(MismatchError, match="learns what tokens stand for"):
            model.reading()
        return
    sampler = suited(model, registry)
    assert sampler.name == SUITED.get(name, PLAINEST[registry.get("family", model.recipe.family.name).reads])
    fast = sampler if model.recipe.family.name not in ("diffusion", "flow") else use(sampler.name, steps=3)
    generation = Generation(model=model, sampler=fast, where=where, seed=1, rows=16, registry=registry)
    size = (32, 32) if "emoji" in name else (28, 28)
    items = list(generation.items([0, 1]))
    assert [item.size for item in items] == [size] * 2
    # So what is measured of samples, and the files they are written to, know what was asked for.
    assert [item.info for item in items] == [where] * 2


def test_there_is_a_recipe_of_every_family(registry: Registry) -> None:
    shown = {Recipe.read(path).family.name for path in RECIPES.values()}
    assert shown == {spec.name for spec in registry.specs("family")}
