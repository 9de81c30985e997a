"""A tiny domain, a model of it trained once, and a registry that holds them, so that core's tests need no plugin."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import genwright.api
import genwright.registry
from genwright.generation import Generation
from genwright.model import Model
from genwright.recipe import use
from genwright.recording import Recording
from genwright.registry import Registry
from genwright.samples import Samples
from genwright.store import MemoryStore
from genwright.testing.toys import ROUNDS, toy_recipe, toy_registry
from genwright.training import trained

UseRegistry = Callable[[Registry], Registry]


@pytest.fixture(scope="session")
def rounds_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every round, four times."""
    path = tmp_path_factory.mktemp("data") / "rounds.txt"
    path.write_text("\n".join(ROUNDS * 4) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def toy_folder(tmp_path_factory: pytest.TempPathFactory, rounds_file: Path) -> Path:
    """The checkpoint of a model of rounds that is mostly right."""
    folder = tmp_path_factory.mktemp("models") / "rounds" / "toy"
    registry = toy_registry()
    trained(
        toy_recipe(rounds_file, steps=60),
        registry,
        Recording(None, registry, owned=False),
        name="rounds/toy",
        folder=folder,
        device="cpu",
        log_every=50,
        tensorboard=None,
        on_report=lambda progress: None,
    )
    return folder


@pytest.fixture
def use_registry(monkeypatch: pytest.MonkeyPatch) -> UseRegistry:
    """Have a registry in the place of what is installed, for this test."""

    def use(registry: Registry) -> Registry:
        monkeypatch.setattr(genwright.api, "registry", lambda: registry)
        monkeypatch.setattr(genwright.registry, "registry", lambda: registry)
        return registry

    return use


@pytest.fixture
def toys(use_registry: UseRegistry) -> Registry:
    """The registry of core and the toys, in the place of what is installed."""
    return use_registry(toy_registry())


@pytest.fixture
def toy_model(toy_folder: Path) -> Model[str]:
    """The model of rounds."""
    return Model.load(toy_folder, toy_registry())


@pytest.fixture
def store() -> MemoryStore:
    """A store with nothing in it."""
    return MemoryStore()


@pytest.fixture
def recorded(toys: Registry, toy_model: Model[str], store: MemoryStore) -> Samples[str]:
    """Thirty samples of seed 5, in the store."""
    return genwright.api.generate(toy_model, 30, seed=5, store=store)


@pytest.fixture(scope="session")
def whole(toy_folder: Path) -> list[str]:
    """The items of a hundred samples of seed 5, drawn as one batch."""
    registry = toy_registry()
    model: Model[str] = Model.load(toy_folder, registry)
    generation = Generation(model=model, sampler=use("temperature"), where={}, seed=5, rows=128, registry=registry)
    return list(generation.items(range(100)))
