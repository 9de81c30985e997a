"""The steps of samplers go through the operation `sampler_step`, and have the bits that plain expressions give."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from torch import Tensor

from genwright.backbones.unet import UNet
from genwright.families.preconditioning import Preconditioned, Preconditioning
from genwright.kernels import recorded, use
from genwright.kernels.sampler_step.spec import sampler_step
from genwright.readings import Condition, Denoiser
from genwright.samplers.denoise import DDIM, DDPM, DenoiseSampler, DPMSolver, Euler, Heun
from genwright.samplers.guidance import Guided
from genwright.seeds import Noise, seeded_torch
from genwright.space import ConditionSpace, Continuous
from genwright.testing.networks import asked, shaken
from genwright.testing.readings import Counted
from tests.core.samplers import earlier

SAMPLERS: dict[str, DenoiseSampler] = {
    "euler": Euler(steps=50),
    "heun": Heun(steps=20),
    "heun, churned": Heun(steps=20, churn=9.0, churn_noise=1.003),
    "heun, churned at the start": Heun(steps=7, churn=2.0, churn_max=100.0),
    "dpm-solver": DPMSolver(steps=50),
    "ddim": DDIM(steps=50),
    "ddim, half anew": DDIM(steps=50, eta=0.5),
    "ddpm": DDPM(steps=50),
    "one step": DPMSolver(steps=1),
    "two steps": Heun(steps=2),
}
NOISE = Noise(17, torch.tensor([4, 2**40, 5, 6]))


@dataclass
class Bent:
    """As a network might: not linear, not smooth in sigma; numbers depend on their neighbours and on what is asked."""

    shape: tuple[int, ...] = (2, 9, 5)

    def denoise(self, x: Tensor, sigma: Tensor, condition: Condition) -> Tensor:
        level = sigma.view(-1, 1, 1, 1)
        scaled = x / (1 + level**2).sqrt()
        wanted = condition.scalars.nan_to_num()[:, :, None, None]
        return torch.sin(3 * scaled + 0.2 * scaled.roll(1, -1) + wanted) * level.cos() + 0.4 * scaled.abs()


BENT, ASKED = Bent(), asked(0.7, 1, rows=4)


def expected(
    sampler: DenoiseSampler,
    condition: Condition,
    *,
    scale: float = 1.0,
    interval: tuple[float, float] | None = None,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """Return samples by plain expressions, those of guidance among them."""

    def denoise(x: Tensor, sigma: float) -> Tensor:
        level = torch.full((len(x),), sigma, dtype=x.dtype)
        clean = BENT.denoise(x, level, condition)
        low, high = interval or (0.0, torch.inf)
        if scale == 1 or not bool(((level >= low) & (level <= high)).any()):
            return clean
        unasked = BENT.denoise(x, level, Condition.none(len(x), scalars=1, labels=1))
        return unasked + scale * (clean - unasked)

    sigmas = [*sampler.levels.tolist(), 0.0]
    x = (sigmas[0] * NOISE.normal("start", 0, 90).view(-1, *BENT.shape)).to(dtype)
    return earlier.solved(sampler, denoise, x, sigmas, NOISE)


@pytest.mark.parametrize("name", SAMPLERS)
def test_samples_have_the_bits_of_plain_expressions(name: str) -> None:
    drawn = SAMPLERS[name].sample(BENT, NOISE, ASKED, rows=4)
    assert torch.equal(drawn, expected(SAMPLERS[name], ASKED))
    assert drawn.std() > 0.1


@pytest.mark.parametrize("name", SAMPLERS)
def test_in_float64_nothing_of_a_step_is_rounded_to_float32(name: str) -> None:
    def denoise(x: Tensor, sigma: float) -> Tensor:
        return BENT.denoise(x, torch.full((len(x),), sigma, dtype=x.dtype), ASKED)

    sigmas = [*SAMPLERS[name].levels.tolist(), 0.0]
    x = (sigmas[0] * NOISE.normal("start", 0, 90).view(-1, *BENT.shape)).double()
    found = SAMPLERS[name].solve(denoise, x, sigmas, NOISE)
    assert torch.equal(found, expected(SAMPLERS[name], ASKED, dtype=torch.float64))


@pytest.mark.parametrize("interval", [None, (0.001, 4.0), "ends"], ids=str)
@pytest.mark.parametrize("name", SAMPLERS)
def test_guided_samples_have_the_bits_of_plain_expressions(name: str, interval: Any) -> None:
    sampler = SAMPLERS[name]
    if interval == "ends":
        levels = sampler.levels.tolist()
        interval = (beyond(levels[-1], 1e-12), beyond(levels[0], -1e-12) if len(levels) > 1 else 90.0)
    guided = Guided(inner=sampler, scale=2.5, interval=interval)
    drawn = guided.sample(BENT, NOISE, ASKED, rows=4)
    assert torch.equal(drawn, expected(sampler, ASKED, scale=2.5, interval=interval))
    if name != "one step":
        assert not torch.equal(drawn, sampler.sample(BENT, NOISE, ASKED, rows=4))


def test_an_interval_ends_at_levels_as_samples_have_them() -> None:
    """In float64 both ends are beyond the only level."""
    counted, noise = Counted(BENT), NOISE[:1]
    made = DPMSolver(steps=1)
    for way, calls in ((1e-12, 2), (1e-3, 1)):
        counted.calls.clear()
        guided = Guided(inner=made, scale=2.5, interval=(beyond(80.0, way), 90.0))
        guided.sample(counted, noise, asked(0.7, 1, rows=1), rows=1)
        assert len(counted.calls) == calls


def beyond(level: float, share: float) -> float:
    return level * (1 + share)


@pytest.mark.parametrize("name", SAMPLERS)
def test_every_step_goes_through_the_operation_once(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rows: list[int] = []

    def counted(x: Tensor, clean: Tensor, table: Tensor, row: int, **more: Any) -> Any:
        rows.append(row)
        return sampler_step(x, clean, table, row, **more)

    monkeypatch.setattr("genwright.samplers.denoise.sampler_step", counted)
    with recorded() as chosen:
        SAMPLERS[name].sample(BENT, NOISE, ASKED, rows=4)
    steps = SAMPLERS[name].steps
    assert rows == [*range(2 * steps - 1 if isinstance(SAMPLERS[name], Heun) else steps)]
    assert chosen == {"philox_normal": ["reference"], "sampler_step": ["reference"]}


@pytest.mark.parametrize("name", ["heun, churned", "dpm-solver", "ddim, half anew"])
def test_a_kernel_draws_the_same(name: str) -> None:
    pytest.importorskip("triton", reason="its kernels need Triton")
    guided = Guided(inner=replace(SAMPLERS[name], steps=4), scale=2.5, interval=(0.3, 40.0))
    with use(sampler_step="triton", philox_normal="triton"), recorded() as chosen:
        drawn = guided.sample(BENT, NOISE, ASKED, rows=4)
    assert chosen == {"philox_normal": ["triton"], "sampler_step": ["triton"]}
    assert torch.equal(drawn, guided.sample(BENT, NOISE, ASKED, rows=4))


def test_a_kernel_takes_what_a_network_gives_of_several_channels() -> None:
    """Within the network, channels lie last; a step that came to be so laid out would be left to the reference."""
    pytest.importorskip("triton", reason="its kernels need Triton")
    space = Continuous(shape=(3, 8, 8), axes=("C", "Y", "X"))
    conditions = ConditionSpace(scalars={"size": (0.0, 1.0)}, labels={"kind": ("a", "b")})
    with seeded_torch(0):
        network = shaken(UNet(space=space, conditions=conditions, width=8, multipliers=(1, 2), blocks=1, groups=4))
    reading: Denoiser = Preconditioned(network.eval(), Preconditioning(prediction="v"), space.shape)
    guided = Guided(inner=DPMSolver(steps=3), scale=2.0)
    with use(sampler_step="triton"):
        drawn = guided.sample(reading, NOISE, ASKED, rows=4)
    assert torch.equal(drawn, guided.sample(reading, NOISE, ASKED, rows=4))


def test_the_table_of_a_schedule_is_made_once_and_outlives_the_mode_it_was_made_in() -> None:
    made = DPMSolver(steps=3)
    made.sample(BENT, NOISE, ASKED, rows=4)
    (first,) = made._tables.values()
    made.sample(BENT, NOISE, ASKED, rows=2)
    (second,) = made._tables.values()
    assert first is second
    assert not first.is_inference()
    Guided(inner=made, scale=2.5).sample(BENT, NOISE, ASKED, rows=4)
    assert len(made._tables) == 2
