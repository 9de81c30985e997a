from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from genwright.families.denoising import Denoising
from genwright.families.diffusion import Diffusion
from genwright.families.flow import Flow
from genwright.family import Batch
from genwright.readings import Condition, Denoiser
from genwright.samplers.denoise import DPMSolver
from genwright.seeds import Noise, seeded_torch
from genwright.space import ConditionSpace, Continuous
from genwright.testing.gaussians import Mixture

# Two values with a little spread each.
DATA = Mixture(means=torch.tensor([[-0.6], [0.6]]), deviation=0.2)


class Dense(nn.Module):
    """A small network over vectors."""

    def __init__(self, *, space: Continuous, conditions: ConditionSpace) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(space.size + 1, 64), nn.SiLU(), nn.Linear(64, 64), nn.SiLU(), nn.Linear(64, space.size)
        )

    def forward(self, x: Tensor, level: Tensor, condition: Condition) -> Tensor:
        assert level.shape == (len(x),)
        given = torch.cat((x.flatten(1), level[:, None]), 1)
        return self.layers(given).view_as(x)  # type: ignore[no-any-return]


def family(
    make: Callable[..., Denoising], shape: tuple[int, ...] = (1,), step: float = 0.0, **options: Any
) -> Denoising:
    space = Continuous(shape=shape, axes=tuple("XYZ"[: len(shape)]), step=step)
    with seeded_torch(0):
        return make(space=space, conditions=ConditionSpace(), build=lambda part, **given: Dense(**given), **options)


def batch(x: Tensor, first: int = 0) -> Batch:
    return Batch(x=x, condition=Condition.none(len(x)), noise=Noise(1, torch.arange(first, first + len(x))))


def learned(made: Denoising) -> Denoising:
    """Return the family after a second of training on DATA."""
    (phase,) = made.phases()
    optimizer = torch.optim.AdamW(phase.parameters, lr=0.005, betas=phase.betas)
    for step in range(300):
        optimizer.param_groups[0]["lr"] = 0.005 * min(1.0, (300 - step) / 200)
        x = DATA.drawn(Noise(7, torch.arange(128) + 128 * step))
        optimizer.zero_grad()
        phase.loss(batch(x, first=128 * step)).backward()
        optimizer.step()
    return made


# The bound asks about levels lower than a flow trains at.
MADE = [(Diffusion, {"level_mean": -2.0, "level_deviation": 2.0}, 0.5), (Flow, {"time": "uniform"}, 1.5)]


@pytest.mark.parametrize(("make", "options", "most"), MADE)
def test_a_network_learns_a_distribution_that_a_sampler_draws_and_the_bound_finds(
    make: Callable[..., Denoising], options: dict[str, Any], most: float
) -> None:
    made = learned(family(make, **options))
    reading = made.reading()
    noise, nothing = Noise(3, torch.arange(1000)), Condition.none(1000)
    x = DPMSolver().sample(reading, noise, nothing, rows=500)
    shares = torch.stack([((x - mean).abs() < 0.6).float().mean() for mean in DATA.means])
    assert shares.tolist() == pytest.approx([0.5, 0.5], abs=0.1)
    real = DATA.drawn(noise)
    gap = DATA.log_density(real) - made.log_likelihood(real, nothing, noise)
    assert 0 < float(gap.mean()) < most


def test_the_reading_denoises_in_evaluation_mode() -> None:
    made = family(Diffusion, (2, 3)).train()
    reading = made.reading()
    assert isinstance(reading, Denoiser)
    assert reading.shape == (2, 3)
    assert not made.network.training
    x = torch.ones(4, 2, 3)
    # So little noise that the sample is what it looks like.
    assert torch.allclose(reading.denoise(x, torch.full((4,), 1e-4), Condition.none(4)), x, atol=1e-2)


def test_the_loss_of_a_row_does_not_depend_on_its_batch() -> None:
    made = family(Diffusion, (2, 3))
    (phase,) = made.phases()
    rows = batch(Noise(0, torch.arange(8)).normal("x", 0, 6).view(8, 2, 3))
    apart = torch.stack([phase.loss(rows[:2]), phase.loss(rows[2:4]), phase.loss(rows[4:])])
    assert torch.allclose(phase.loss(rows), (apart * torch.tensor([0.25, 0.25, 0.5])).sum())


def test_the_same_noise_gives_the_same_loss_and_other_noise_another() -> None:
    (phase,) = family(Flow).phases()
    x = DATA.drawn(Noise(0, torch.arange(16)))
    assert torch.equal(phase.loss(batch(x)), phase.loss(batch(x)))
    assert not torch.equal(phase.loss(batch(x)), phase.loss(batch(x, first=16)))


def test_of_a_space_with_steps_the_likelihood_is_a_probability() -> None:
    """It lies by the logarithm of a step below the density, where that is as good as even over a step."""
    x, nothing = torch.zeros(500, 1), Condition.none(500)
    density, probability = (
        family(Diffusion, step=step).log_likelihood(x, nothing, Noise(0, torch.arange(500))) for step in (0.0, 0.004)
    )
    assert float((density - probability).mean()) == pytest.approx(-math.log(0.004), abs=0.4)
    assert probability.max() < 0
