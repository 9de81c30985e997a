"""A tiny domain, a model of it trained once, and a registry that holds them, so that core's tests need no plugin."""

from __future__ import annotations

import math
import signal
import sys
import types
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch.nn.functional as F
from torch import Tensor, nn

import genwright.api
import genwright.registry
import genwright.trainer
from genwright.generation import Generation
from genwright.memory import MemoryStore
from genwright.model import Model
from genwright.readings import Condition
from genwright.recipe import Component, Recipe, use
from genwright.recording import Recording
from genwright.registry import Registry
from genwright.samples import Samples
from genwright.space import ConditionSpace, SampleSpace, Tokens
from genwright.specs import BackboneSpec
from genwright.testing.toys import ROUNDS, Rounds, toy_recipe, toy_registry
from genwright.trainer import Progress, Trainer
from genwright.training import prepared, trained

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
    return made(toy_recipe(rounds_file, steps=60), toy_registry(), folder)


def made(recipe: Recipe, registry: Registry, folder: Path) -> Path:
    """Train a model of rounds, named after its folder; return that."""
    trained(
        recipe,
        Recording(None, registry, owned=False),
        name=f"rounds/{folder.name}",
        folder=folder,
        device="cpu",
        log_every=50,
        tensorboard=None,
        on_report=lambda progress: None,
    )
    return folder


class Small(nn.Module):
    """A network with one hidden layer, in the roles that see a whole item at once."""

    def __init__(
        self,
        *,
        space: SampleSpace,
        conditions: ConditionSpace,
        role: str,
        latent: tuple[int, ...] = (),
        width: int = 64,
    ) -> None:
        super().__init__()
        self.role, kinds = role, space.vocab_size if isinstance(space, Tokens) else 0
        self.kinds = kinds + (role == "unmask")
        drawn = (*space.shape, kinds) if kinds else space.shape
        self.outward = {"posterior": latent, "critic": ()}.get(role, drawn)
        inward = math.prod(latent) if role == "generator" else space.size * max(1, self.kinds)
        self.layers = nn.Sequential(
            nn.Linear(inward, width), nn.SiLU(), nn.Linear(width, math.prod(self.outward)), nn.Flatten(1)
        )

    def forward(self, x: Tensor, condition: Condition) -> Tensor:
        seen = F.one_hot(x, self.kinds).float() if self.kinds and self.role != "generator" else x
        return self.layers(seen.flatten(1)).view(len(x), *self.outward)


def small_registry() -> Registry:
    """Return a registry of core, the toys and the backbone `small`."""
    return toy_registry(
        BackboneSpec(
            name="small",
            target="genwright_small:Small",
            summary="",
            spaces=("tokens", "continuous"),
            roles=("unmask", "generator", "posterior", "critic"),
        )
    )


def small_model(folder: Path, data: Path, family: Component, **changes: Any) -> Path:
    """Train a model of rounds with small networks; return its folder."""
    fields: dict[str, Any] = {"family": family, "backbone": use("small"), "conditions": (), **changes}
    return made(toy_recipe(data, **fields), small_registry(), folder)


@pytest.fixture(scope="session", autouse=True)
def _small_networks() -> Iterator[None]:
    sys.modules["genwright_small"] = types.ModuleType("genwright_small")
    sys.modules["genwright_small"].Small = Small  # type: ignore[attr-defined]
    yield
    del sys.modules["genwright_small"]


@pytest.fixture
def small(use_registry: UseRegistry) -> Registry:
    """The registry of core, the toys and small networks, in the place of what is installed."""
    return use_registry(small_registry())


@pytest.fixture(scope="session")
def trained_rounds() -> Callable[[Recipe, Path], Path]:
    """What trains a model of rounds into a folder: trained_rounds(recipe, folder)."""
    return lambda recipe, folder: made(recipe, toy_registry(), folder)


@pytest.fixture(scope="session")
def trained_small(rounds_file: Path) -> Callable[..., Path]:
    """What trains small models of rounds: trained_small(folder, family)."""
    return lambda folder, family, **changes: small_model(folder, rounds_file, family, **changes)


@pytest.fixture(scope="session")
def vae_folder(tmp_path_factory: pytest.TempPathFactory, trained_small: Callable[..., Path]) -> Path:
    """The checkpoint of a VAE of rounds whose decoded latents are mostly what was encoded."""
    return trained_small(tmp_path_factory.mktemp("models") / "vae", use("vae", latent=4, beta=0.2, draws=8), steps=300)


@pytest.fixture(scope="session")
def codes_folder(tmp_path_factory: pytest.TempPathFactory, trained_small: Callable[..., Path]) -> Path:
    """The checkpoint of a VQ-VAE of rounds: three tokens of eight."""
    family = use("vqvae", places=3, codes=8, width=4)
    return trained_small(tmp_path_factory.mktemp("models") / "codes", family, steps=300)


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
def letters() -> Callable[..., Trainer]:
    """What makes trainers of rounds in which all that a resumed run must restore takes part, from a recipe's fields."""
    fields = {"steps": 20, "batch_size": 4, "encoder": use("letters", shouted=True)}

    def made(
        *,
        items: Sequence[str] = ROUNDS,
        state: Path | None = None,
        on_report: Callable[[Progress], None] = lambda progress: None,
        dropout: float = 0.0,
        **changes: Any,
    ) -> Trainer:
        small = use("transformer", width=64, depth=1, heads=4, dropout=dropout)
        recipe = toy_recipe("none", **(fields | {"backbone": small} | changes))
        model, examples = prepared(recipe, Rounds(), items, toy_registry())
        return Trainer(recipe, model.family, examples, accelerator="cpu", log_every=1, state=state, on_report=on_report)

    return made


@pytest.fixture
def save_always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trainers save after every step."""
    monkeypatch.setattr(genwright.trainer, "_SAVE_SECONDS", -1.0)


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Ctrl-C is Python's own, also where the tests run in the background of a shell, which ignores it there."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


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
