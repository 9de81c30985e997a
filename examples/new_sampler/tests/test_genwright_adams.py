"""The sampler keeps the contract, converges as it should, and serves diffusion and flow models alike."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from genwright.errors import OptionError
from genwright.families.denoising import Denoising
from genwright.families.diffusion import Diffusion
from genwright.families.flow import Flow
from genwright.families.preconditioning import Preconditioning
from genwright.readings import Condition, Denoiser
from genwright.seeds import Noise
from genwright.space import ConditionSpace, Continuous
from genwright.testing.gaussians import Gaussian, eight_gaussians
from genwright.testing.samplers import check_sampler
from genwright_adams.sampler import AdamsBashforth

GAUSSIAN = Gaussian(
    mean=torch.tensor([0.3, -0.2], dtype=torch.float64),
    covariance=torch.tensor([[0.3, 0.1], [0.1, 0.2]], dtype=torch.float64),
)


class Exact(nn.Module):
    """The network that a family would learn from endless data of a known distribution."""

    def __init__(self, known: Denoiser, preconditioning: Preconditioning) -> None:
        super().__init__()
        self.known, self.preconditioning = known, preconditioning

    def forward(self, x: Tensor, level: Tensor, condition: Condition) -> Tensor:
        sigma = (4 * level).exp()
        skip, out, inward = (scale[:, None] for scale in self.preconditioning.scales(sigma))
        x = x / inward
        return (self.known.denoise(x, sigma, condition) - skip * x) / out


FAMILIES: dict[str, tuple[type[Denoising], dict[str, Any], Preconditioning]] = {
    "diffusion": (Diffusion, {}, Preconditioning(prediction="edm")),
    "diffusion of epsilon": (Diffusion, {"prediction": "epsilon"}, Preconditioning(prediction="epsilon")),
    "flow": (Flow, {}, Preconditioning(prediction="flow")),
}


def learned(name: str, known: Denoiser) -> Denoiser:
    """Return the reading of a model of this family that has learned a distribution perfectly."""
    family, options, preconditioning = FAMILIES[name]

    def build(part: str, **given: Any) -> nn.Module:
        return Exact(known, preconditioning)

    space = Continuous(shape=known.shape, axes=("X",))
    return family(space=space, conditions=ConditionSpace(), build=build, **options).reading()


def solved(steps: int, x: Tensor) -> Tensor:
    def denoise(x: Tensor, sigma: float) -> Tensor:
        return GAUSSIAN.denoise(x, torch.full((len(x),), sigma, dtype=x.dtype), Condition.none(len(x)))

    sampler = AdamsBashforth(steps=steps)
    return sampler.solve(denoise, x, [*sampler.levels.tolist(), 0.0], Noise(3, torch.arange(len(x))))


def test_it_keeps_the_contract() -> None:
    assert [check for check in check_sampler(AdamsBashforth(), reads="denoiser") if check.trouble] == []


def test_it_converges_at_second_order() -> None:
    """The flow ends at sigma_min, from where one last step leads to the expected clean sample."""
    x = 80 * Noise(0, torch.arange(16)).normal("start", 0, 2).double()
    low = torch.full((16,), 0.002, dtype=torch.float64)
    exact = GAUSSIAN.denoise(GAUSSIAN.moved(x, 80.0, 0.002), low, Condition.none(16))
    errors = [float((solved(steps, x) - exact).norm()) for steps in (64, 128, 256)]
    orders = [math.log2(coarse / fine) for coarse, fine in pairwise(errors)]
    assert orders == pytest.approx([2, 2], abs=0.2)


@pytest.mark.parametrize("name", FAMILIES)
def test_it_draws_all_eight_gaussians_from_a_perfect_model(name: str) -> None:
    known = eight_gaussians()
    x = AdamsBashforth(steps=40).sample(
        learned(name, known), Noise(1, torch.arange(800)), Condition.none(800), rows=100
    )
    distance, mode = torch.cdist(x, known.means).min(1)
    # Of a Gaussian in the plane, 1 in 90 lies beyond three deviations.
    assert float((distance < 3 * known.deviation).float().mean()) > 0.97
    assert mode.bincount(minlength=8).min() > 60


def test_diffusion_and_flow_models_of_the_same_distribution_draw_the_same_samples() -> None:
    drawn = [
        AdamsBashforth().sample(
            learned(name, eight_gaussians()), Noise(2, torch.arange(64)), Condition.none(64), rows=64
        )
        for name in FAMILIES
    ]
    assert torch.allclose(drawn[0], drawn[1], atol=1e-3)
    assert torch.allclose(drawn[0], drawn[2], atol=1e-3)


def test_no_step_is_refused() -> None:
    with pytest.raises(OptionError, match="sampling takes 1 step or more; got 0"):
        AdamsBashforth(steps=0)
