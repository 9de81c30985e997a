"""Eight small Gaussians, learned and drawn by every family that draws by itself."""

from __future__ import annotations

import inspect
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor, nn

from benchmarks.row import Row, Target, at_least
from benchmarks.setting import Setting
from genwright.family import Batch, Family
from genwright.generation import make_sampler
from genwright.options import make
from genwright.readings import Condition
from genwright.recipe import Component, use
from genwright.registry import Registry, discover
from genwright.seeds import Noise, seeded_torch
from genwright.space import ConditionSpace, Continuous, SampleSpace, Tokens
from genwright.testing.gaussians import eight_gaussians

__all__ = ["TESTS", "measured", "rows"]

TESTS = ("tests/core/families", "tests/core/samplers", "tests/core/testing", "tests/benchmarks/cases/test_modes.py")

_SECTION = "modes"
_DATA = eight_gaussians()
_NEAR = 4
_GOOD = at_least(0.95)
_LEAST = 0.25
_BATCH, _ROWS = 256, 256
_LEVELS, _EDGE = 128, 2.0
_PLANE = Continuous(shape=(2,), axes=("X",))
_GRID = Tokens(vocab_size=_LEVELS, shape=(2,))


@final
@dataclass(frozen=True, kw_only=True)
class Toy:
    """How a family learns the eight Gaussians.

    start:  the toy whose weights it starts from
    target: for the share of good samples
    """

    family: Component
    backbone: Component
    sampler: Component
    steps: int
    space: SampleSpace = _PLANE
    rate: float = 2e-3
    start: str = ""
    target: Target | None = _GOOD
    note: str = ""


_DENSE = use("dense", width=128, depth=2)
_TOYS: Mapping[str, Toy] = {
    "autoregressive": Toy(
        family=use("autoregressive"),
        backbone=use("transformer", width=64, depth=1, heads=2),
        sampler=use("temperature"),
        steps=800,
        space=_GRID,
    ),
    "masked": Toy(
        family=use("masked"),
        backbone=use("dit", width=64, depth=1, heads=2),
        sampler=use("random", steps=2),
        steps=1500,
        space=_GRID,
    ),
    "diffusion": Toy(family=use("diffusion", sigma_data=1.0), backbone=_DENSE, sampler=use("dpm-solver++"), steps=3000),
    "flow": Toy(family=use("flow"), backbone=_DENSE, sampler=use("dpm-solver++"), steps=3000),
    "consistency": Toy(
        family=use("consistency", prediction="flow", level_mean=-0.5, level_deviation=1.6),
        backbone=_DENSE,
        sampler=use("consistency", steps=2, sigma_min=0.25),
        steps=8000,
        start="flow",
        rate=1e-3,
    ),
    "vae": Toy(
        family=use("vae", latent=2, free_bits=1.2),
        backbone=_DENSE,
        sampler=use("prior"),
        steps=3000,
        target=None,
        note=" Its samples are means, some of which lie between modes, as latents do.",
    ),
    "gan": Toy(family=use("gan", latent=2, penalty=0.02), backbone=_DENSE, sampler=use("prior"), steps=3000),
}


def rows(setting: Setting) -> Iterator[Row]:
    """Yield, for each family, the share of good samples and the number of modes found, beside those of the data."""
    registry, count = discover(only=[]), setting.scaled(4_000, 1_000)
    ideal = measured(_DATA.drawn(Noise(setting.seed, torch.arange(count))))
    learned: dict[str, Family] = {}
    for name, toy in _TOYS.items():
        start = time.process_time()
        learned[name] = _learned(toy, registry, learned, setting)
        seconds = time.process_time() - start
        share, modes = measured(_drawn(learned[name], toy, registry, count, setting))
        note = f"{setting.scaled(toy.steps, toy.steps // 10):,} steps of {_BATCH} in {seconds:.0f} CPU-s.{toy.note}"
        if isinstance(toy.space, Tokens):
            note += f" Places are tokens of {_LEVELS} levels."
        yield Row(
            section=_SECTION,
            name=f"{name}: samples within {_NEAR} deviations of a mode",
            value=share,
            target=None if setting.quick else toy.target,
            peers={"the data": ideal[0]},
            note=note,
        )
        yield Row(
            section=_SECTION,
            name=f"{name}: modes found, of 8",
            value=modes,
            target=None if setting.quick else at_least(8),
            peers={"the data": ideal[1]},
        )


def measured(x: Tensor) -> tuple[float, int]:
    """Return the share of points that are near a mode, and how many modes have a quarter of their share of these.

    Near is within four deviations, as in Azadi et al. (2019), arXiv:1810.06758.
    """
    distance, nearest = torch.cdist(x, _DATA.means).min(1)
    good = nearest[distance < _NEAR * _DATA.deviation].bincount(minlength=8)
    return int(good.sum()) / len(x), int((good >= _LEAST * len(x) / 8).sum())


def _learned(toy: Toy, registry: Registry, before: Mapping[str, Family], setting: Setting) -> Family:
    family = _made(toy, registry)
    if toy.start:
        family.load_state_dict(before[toy.start].state_dict())
    steps = setting.scaled(toy.steps, toy.steps // 10)
    optimizers = [
        torch.optim.AdamW(phase.parameters, lr=toy.rate, betas=phase.betas, weight_decay=0.0)
        for phase in family.phases()
    ]
    average = {name: value.clone() for name, value in family.state_dict().items()}
    for step in range(steps):
        _step(family, optimizers, toy, step, steps)
        for name, value in family.state_dict().items():
            average[name].lerp_(value, max(0.01, 1 / (step + 1)))
    family.load_state_dict(average)
    return family


def _step(family: Family, optimizers: list[torch.optim.AdamW], toy: Toy, step: int, steps: int) -> None:
    noise = Noise(1, step * _BATCH + torch.arange(_BATCH))
    batch = Batch(
        x=_encoded(_DATA.drawn(noise), toy.space), condition=Condition.none(_BATCH), noise=noise, progress=step / steps
    )
    for phase, optimizer in zip(family.phases(), optimizers, strict=True):
        # In the second half the rate falls to zero.
        optimizer.param_groups[0]["lr"] = toy.rate * min(1.0, 2 * (steps - step) / steps)
        family.zero_grad()
        torch.autograd.backward(phase.loss(batch))
        optimizer.step()


def _made(toy: Toy, registry: Registry) -> Family:
    spec, backbone = registry.get("family", toy.family.name), registry.get("backbone", toy.backbone.name)
    takes_role = "role" in inspect.signature(backbone.load()).parameters

    def build(part: str, **given: Any) -> nn.Module:
        role = {"role": spec.roles[part]} if takes_role else {}
        return make(backbone, toy.backbone.options, **given, **role)  # type: ignore[no-any-return]

    with seeded_torch(0):
        return make(spec, toy.family.options, space=toy.space, conditions=ConditionSpace(), build=build)  # type: ignore[no-any-return]


def _drawn(family: Family, toy: Toy, registry: Registry, count: int, setting: Setting) -> Tensor:
    sampler = make_sampler(toy.sampler, registry, encoder=None, reads=registry.get("family", toy.family.name).reads)
    noise = Noise(setting.seed, torch.arange(count))
    x = sampler.sample(family.eval().reading(), noise, Condition.none(count), rows=_ROWS)
    return _decoded(x, toy.space, noise)


def _encoded(x: Tensor, space: SampleSpace) -> Tensor:
    if not isinstance(space, Tokens):
        return x
    return ((x + _EDGE) * _LEVELS / (2 * _EDGE)).long().clamp(0, _LEVELS - 1)


def _decoded(x: Tensor, space: SampleSpace, noise: Noise) -> Tensor:
    """Return places; of tokens, one drawn from within its level."""
    if not isinstance(space, Tokens):
        return x
    return (x + noise.uniform("within", 0, 2)) * 2 * _EDGE / _LEVELS - _EDGE
