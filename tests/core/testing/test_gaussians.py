from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from genwright.readings import Condition, Denoiser
from genwright.seeds import Noise
from genwright.testing.gaussians import AtOnce, Gaussian, Mixture, eight_gaussians, two_moons

GAUSSIAN = Gaussian(
    mean=torch.tensor([0.3, -0.2], dtype=torch.float64),
    covariance=torch.tensor([[0.3, 0.1], [0.1, 0.2]], dtype=torch.float64),
)
MIXTURE = Mixture(means=torch.tensor([[-1.0], [0.5], [2.0]], dtype=torch.float64), deviation=0.3)
GRID = torch.linspace(-12.0, 12.0, 4801, dtype=torch.float64)[:, None]


def levels(x: Tensor, sigma: float) -> Tensor:
    return torch.full((len(x),), sigma, dtype=x.dtype)


@pytest.mark.parametrize("made", [GAUSSIAN, MIXTURE, eight_gaussians(), two_moons()])
def test_they_are_read_as_denoisers(made: Gaussian | Mixture) -> None:
    assert isinstance(made, Denoiser)
    x = made.drawn(Noise(0, torch.arange(3)))
    assert x.shape == (3, *made.shape)
    assert made.denoise(x, levels(x, 0.5), Condition.none(3)).shape == x.shape


@pytest.mark.parametrize("sigma", [0.05, 0.7, 3.0])
def test_a_mixtures_denoiser_is_the_mean_of_what_may_lie_under_the_noise(sigma: float) -> None:
    """By integrating numerically over all clean samples."""
    x = torch.tensor([[-1.4], [0.0], [0.9], [2.2]], dtype=torch.float64)
    weight = MIXTURE.log_density(GRID) - 0.5 * (x - GRID.mT) ** 2 / sigma**2
    expected = weight.softmax(1) @ GRID
    assert torch.allclose(MIXTURE.denoise(x, levels(x, sigma), Condition.none(4)), expected, atol=1e-6)


@pytest.mark.parametrize("sigma", [0.05, 80.0])
def test_a_part_can_be_asked_for(sigma: float) -> None:
    x = torch.tensor([[-1.0], [-1.0]], dtype=torch.float64)
    wanted = replace(Condition.none(2), labels=torch.tensor([[-1], [0]]))
    part = Gaussian(mean=MIXTURE.means[0], covariance=torch.eye(1, dtype=torch.float64) * 0.09)
    found = MIXTURE.denoise(x, levels(x, sigma), wanted)
    assert torch.allclose(found[:1], MIXTURE.denoise(x[:1], levels(x[:1], sigma), Condition.none(1)))
    assert torch.allclose(found[1:], part.denoise(x[1:], levels(x[1:], sigma), Condition.none(1)), atol=1e-4)


@pytest.mark.parametrize("sigma", [80.0, 0.8])
def test_a_model_that_gives_samples_at_once_gives_where_the_flow_of_one_part_ends(sigma: float) -> None:
    model, count = AtOnce(inner=MIXTURE), 4_000
    clean = MIXTURE.drawn(Noise(1, torch.arange(count))).double()
    x = clean + sigma * Noise(2, torch.arange(count)).normal("noise", 0, 1).double()
    found = model.denoise(x, levels(x, sigma), Condition.none(count))
    nearest = MIXTURE.means[(x - MIXTURE.means[:, 0]).abs().argmin(1)]
    parts = [Gaussian(mean=mean, covariance=torch.eye(1, dtype=torch.float64) * 0.09) for mean in MIXTURE.means]
    flows = torch.stack([part.moved(x, sigma, 0.0) for part in parts], 1)
    assert torch.allclose(found, flows[torch.arange(count), (MIXTURE.means[:, 0] == nearest).int().argmax(1)])
    # Of a normal, 1 in 370 lies beyond three deviations.
    assert float(((found - nearest).abs() < 3 * MIXTURE.deviation).double().mean()) > 0.99


def test_densities_sum_to_1() -> None:
    assert float(MIXTURE.log_density(GRID).exp().sum() * 0.005) == pytest.approx(1, abs=1e-6)
    one = Gaussian(mean=GAUSSIAN.mean[:1], covariance=GAUSSIAN.covariance[:1, :1])
    assert float(one.log_density(GRID).exp().sum() * 0.005) == pytest.approx(1, abs=1e-6)


def test_a_gaussians_density_is_that_of_torch() -> None:
    x = torch.tensor([[0.1, 0.5], [2.0, -3.0]], dtype=torch.float64)
    known = torch.distributions.MultivariateNormal(GAUSSIAN.mean, GAUSSIAN.covariance)
    assert torch.allclose(GAUSSIAN.log_density(x), known.log_prob(x))


@pytest.mark.parametrize("sigma", [0.0, 0.7, 20.0])
def test_a_gaussians_score_is_the_gradient_of_its_density_under_noise(sigma: float) -> None:
    x = torch.tensor([[0.1, 0.5], [2.0, -3.0]], dtype=torch.float64, requires_grad=True)
    noisy = torch.distributions.MultivariateNormal(GAUSSIAN.mean, GAUSSIAN.covariance + sigma**2 * torch.eye(2))
    (gradient,) = torch.autograd.grad(noisy.log_prob(x).sum(), x)
    assert torch.allclose(GAUSSIAN.score(x, levels(x, sigma)), gradient)


def test_a_gaussians_denoiser_follows_its_score() -> None:
    """D(x; sigma) = x + sigma^2 score."""
    x = torch.tensor([[0.1, 0.5], [2.0, -3.0]], dtype=torch.float64)
    followed = x + 0.49 * GAUSSIAN.score(x, levels(x, 0.7))
    assert torch.allclose(GAUSSIAN.denoise(x, levels(x, 0.7), Condition.none(2)), followed)


def test_a_gaussians_flow_obeys_its_equation() -> None:
    """dx/dsigma = (x - D(x; sigma)) / sigma."""
    x = torch.tensor([[0.1, 0.5], [2.0, -3.0]], dtype=torch.float64)
    change = (GAUSSIAN.moved(x, 0.7, 0.7 + 1e-6) - GAUSSIAN.moved(x, 0.7, 0.7 - 1e-6)) / 2e-6
    expected = (x - GAUSSIAN.denoise(x, levels(x, 0.7), Condition.none(2))) / 0.7
    assert torch.allclose(change, expected, atol=1e-6)
    assert torch.allclose(GAUSSIAN.moved(GAUSSIAN.moved(x, 0.7, 5.0), 5.0, 0.7), x)


def test_draws_have_the_mean_and_covariance() -> None:
    x = GAUSSIAN.drawn(Noise(1, torch.arange(20_000)))
    assert torch.allclose(x.mean(0), GAUSSIAN.mean, atol=0.02)
    assert torch.allclose(x.mT.cov(), GAUSSIAN.covariance, atol=0.02)


def test_eight_gaussians_have_unit_variance_and_lie_on_a_circle() -> None:
    x = eight_gaussians().drawn(Noise(1, torch.arange(20_000)))
    assert torch.allclose(x.mT.cov(), torch.eye(2), atol=0.02)
    turns = torch.atan2(x[:, 1], x[:, 0]) / (math.pi / 4)
    assert ((turns - turns.round()).abs() < 0.3).all()
    assert turns.round().unique().remainder(8).unique().numel() == 8


def test_two_moons_are_centred_and_have_a_variance_of_1_on_average() -> None:
    x = two_moons().drawn(Noise(1, torch.arange(20_000)))
    assert torch.allclose(x.mean(0), torch.zeros(2), atol=0.02)
    assert float(x.var(0).mean()) == pytest.approx(1, abs=0.02)


def test_two_moons_are_half_circles_that_reach_into_each_other() -> None:
    upper, lower = two_moons().means.chunk(2)
    assert torch.allclose(lower, -upper, atol=1e-6)
    centre = (upper[0] + upper[-1]) / 2
    radii = (upper - centre).norm(dim=1)
    assert float(radii.std()) < 0.02
    assert bool((upper[:, 1] > centre[1] - 1e-6).all())
    assert float((lower[0] - centre).norm()) < float(radii.mean())
    assert float(torch.cdist(upper, lower).min()) > 5 * two_moons().deviation


def test_the_parts_of_two_moons_do_not_show() -> None:
    """But for the tips, where the last part stands for half a step beside it."""
    x = two_moons().drawn(Noise(1, torch.arange(5_000)))
    apart = (two_moons().log_density(x) - two_moons(parts=2_000).log_density(x)).abs()
    assert float(apart.median()) < 1e-3
    assert float(apart.max()) < 0.1
