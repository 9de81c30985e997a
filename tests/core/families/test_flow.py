from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from genwright.backbones.dense import dense
from genwright.families.flow import Flow
from genwright.family import Batch
from genwright.readings import Condition
from genwright.samplers.denoise import DPMSolver
from genwright.seeds import Noise, seeded_torch
from genwright.space import ConditionSpace, Continuous
from genwright.testing.gaussians import two_moons

SPACE = Continuous(shape=(2,), axes=("D",))
NOISE = Noise(0, torch.arange(10_000))


class Zero(nn.Module):
    """A network that gives 0 and keeps what it was given."""

    def forward(self, x: Tensor, level: Tensor, condition: Condition) -> Tensor:
        self.x, self.level = x, level
        return torch.zeros_like(x)


def flow(**options: str) -> Flow:
    return Flow(space=SPACE, conditions=ConditionSpace(), build=lambda part, **given: Zero(), **options)  # type: ignore[arg-type]


def test_times_are_uniform_or_have_a_normal_logit() -> None:
    uniform = flow(time="uniform").log_levels(NOISE).sigmoid()
    assert torch.allclose(uniform.sort().values, (torch.arange(10_000) + 0.5) / 10_000, atol=0.02)
    logits = flow().log_levels(NOISE)
    assert (float(logits.mean()), float(logits.std())) == pytest.approx((0.0, 1.0), abs=0.03)


def test_the_loss_is_that_of_the_velocity_along_the_straight_path() -> None:
    made, x = flow(time="uniform"), NOISE.normal("x", 0, 2)
    (phase,) = made.phases()
    loss = float(phase.loss(Batch(x=x, condition=Condition.none(len(x)), noise=NOISE)))
    n = NOISE.normal("noise", 0, 2)
    t = NOISE.uniform("level", 0, 1)
    assert loss == pytest.approx(float((n - x).square().mean()), rel=1e-3)
    assert torch.allclose(made.network.x, (1 - t) * x + t * n, atol=1e-3)
    assert torch.allclose(made.network.level, t[:, 0].logit() / 4, atol=1e-5)


def learned(steps: int, *, size: int = 128) -> Flow:
    """Return a flow with a small network that has seen two moons for as many steps."""
    with seeded_torch(0):
        made = Flow(
            space=SPACE,
            conditions=ConditionSpace(),
            build=lambda part, **given: dense(role="denoise", width=64, depth=2, **given),
        )
    (phase,), moons = made.phases(), two_moons()
    optimizer = torch.optim.AdamW(phase.parameters, weight_decay=0.0)
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = 4e-3 * min(1.0, 2 * (steps - step) / steps)
        noise = Noise(1, torch.arange(step * size, (step + 1) * size))
        optimizer.zero_grad()
        phase.loss(Batch(x=moons.drawn(noise), condition=Condition.none(size), noise=noise)).backward()
        optimizer.step()
    return made.eval()


def test_a_small_flow_learns_two_moons() -> None:
    moons, count = two_moons(), 2048
    x = DPMSolver().sample(learned(700).reading(), Noise(2, torch.arange(count)), Condition.none(count), rows=count)
    nearest = torch.cdist(x, moons.means).min(1)
    # Of a normal distribution with their mean and variance, 0.72 do.
    assert float((nearest.values < 4 * moons.deviation).float().mean()) > 0.95
    assert float((nearest.indices < len(moons.means) // 2).float().mean()) == pytest.approx(0.5, abs=0.05)
    assert nearest.indices.unique().numel() == len(moons.means)
