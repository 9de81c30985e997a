"""Loops from noise to samples: each kind of denoiser that is shipped, by each sampler, in each way it is used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from genwright.families.preconditioning import Preconditioned, Preconditioning, Prediction
from genwright.readings import Condition
from genwright.registry import discover
from genwright.sampler import Sampler
from genwright.samplers.denoise import DDIM, DDPM, Consistency, DPMSolver, Euler, Heun, UniPC
from genwright.samplers.guidance import Guided
from genwright.samplers.inpainting import Inpainted
from genwright.seeds import seeded_torch
from genwright.space import WORDS, ConditionSpace, Continuous
from genwright.testing.networks import shaken

__all__ = ["CASES", "COUNT", "NAMES", "ROWS", "WAYS", "Calls", "Looking", "asked", "reading"]

CONDITIONS = ConditionSpace(
    scalars={"size": (0.0, 1.0)}, labels={"kind": ("a", "b")}, texts={"caption": ("red", "round", "shoe")}
)
IMAGES, SIGNALS = Continuous(shape=(2, 8, 8), axes=("C", "Y", "X")), Continuous(shape=(2, 16), axes=("C", "L"))
OPTIONS: dict[str, dict[str, Any]] = {
    "unet": {"width": 8, "multipliers": (1, 2), "blocks": 1, "groups": 4, "attention": (1,)},
    "dit": {"width": 32, "depth": 2, "heads": 2, "role": "denoise"},
    "dense": {"width": 16, "depth": 1, "role": "denoise"},
}
DENOISERS = sorted(spec.name for spec in discover(only=[]).specs("backbone") if "denoise" in spec.roles)
SAMPLERS: dict[str, Sampler[Any]] = {
    "euler": Euler(steps=3),
    "heun": Heun(steps=3, churn=3.0, churn_max=100.0),
    "dpm-solver": DPMSolver(steps=3),
    "unipc": UniPC(steps=3),
    "ddim": DDIM(steps=3, eta=0.5),
    "ddpm": DDPM(steps=3),
    "consistency": Consistency(steps=3),
}
ROWS, COUNT = 4, 14


def network(name: str, space: Continuous) -> nn.Module:
    with seeded_torch(0):
        made = discover(only=[]).get("backbone", name).load()(space=space, conditions=CONDITIONS, **OPTIONS[name])
    return shaken(made).eval()


def reading(name: str, space: Continuous = IMAGES, prediction: Prediction = "edm") -> Preconditioned:
    return Preconditioned(network(name, space), Preconditioning(prediction=prediction), space.shape)


def asked() -> Condition:
    rows = torch.arange(COUNT)[:, None]
    return Condition(
        scalars=torch.linspace(-1, 1, COUNT)[:, None],
        labels=torch.cat((rows % 3 - 1, (rows + torch.arange(WORDS)) % 4 - 1), 1),
        prefix=torch.empty(COUNT, 0, dtype=torch.int64),
    )


def part(space: Continuous) -> Tensor:
    known = torch.full(space.shape, torch.nan)
    known[0] = 0.3
    return known


def ways(inner: Sampler[Any]) -> dict[str, Sampler[Any]]:
    """The ways in which a sampler is used."""
    guided = Guided(inner=inner, scale=2.0, interval=(0.01, 30.0))
    return {
        "alone": inner,
        "guided": Guided(inner=inner, scale=2.0),
        "guided in an interval": guided,
        "around a part": Inpainted(inner=inner, known=part(IMAGES)),
        "guided around a part": Inpainted(inner=guided, known=part(IMAGES)),
        "around a part, guided": Guided(inner=Inpainted(inner=inner, known=part(IMAGES)), scale=2.0),
    }


WAYS = ways(DPMSolver(steps=3))
CASES: list[tuple[Preconditioned, Sampler[Any], str]] = [
    *((reading(name), WAYS["guided"], name) for name in DENOISERS),
    *((reading(name, SIGNALS), WAYS["guided"], f"{name}, signals") for name in DENOISERS),
    *((reading("dense", prediction=kind), WAYS["guided"], kind) for kind in ("v", "epsilon", "flow")),
    *((reading("dense"), made, f"dense, {name}") for name, made in SAMPLERS.items()),
    *((reading("dense"), made, name) for name, made in WAYS.items()),
]
NAMES = [name for *_, name in CASES]


@dataclass
class Calls:
    """A reading that counts its calls."""

    inner: Preconditioned
    count: int = 0

    @property
    def shape(self) -> tuple[int, ...]:
        return self.inner.shape

    def denoise(self, x: Tensor, sigma: Tensor, condition: Condition) -> Tensor:
        self.count += 1
        return self.inner.denoise(x, sigma, condition)


@dataclass
class Looking(Calls):
    """A plugin's, which looks at its numbers."""

    def denoise(self, x: Tensor, sigma: Tensor, condition: Condition) -> Tensor:
        return super().denoise(x, sigma, condition) * (1.0 if float(x.sum()) > 0 else 0.5)
