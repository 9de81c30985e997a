from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from genwright.families.flow import Flow
from genwright.family import Batch
from genwright.readings import Condition
from genwright.seeds import Noise
from genwright.space import ConditionSpace, Continuous

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
