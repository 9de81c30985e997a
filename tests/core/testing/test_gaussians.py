from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from genwright.readings import Condition, Denoiser
from genwright.seeds import Noise
from genwright.testing.gaussians import Gaussian, Mixture, eight_gaussians

GAUSSIAN = Gaussian(
    mean=torch.tensor([0.3, -0.2], dtype=torch.float64),
    covariance=torch.tensor([[0.3, 0.1], [0.1, 0.2]], dtype=torch.float64),
)
MIXTURE = Mixture(means=torch.tensor([[-1.0], [0.5], [2.0]], dtype=torch.float64), deviation=0.3)
GRID = torch.linspace(-12.0, 12.0, 4801, dtype=torch.float64)[:, None]


def levels(x: Tensor, sigma: float) -> Tensor:
    return torch.full((len(x),), sigma, dtype=x.dtype)


@pytest.mark.parametrize("made", [GAUSSIAN, MIXTURE, eight_gaussians()])
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


def test_densities_sum_to_1() -> None:
    assert float(MIXTURE.log_density(GRID).exp().sum() * 0.005) == pytest.approx(1, abs=1e-6)
    one = Gaussian(mean=GAUSSIAN.mean[:1], covariance=GAUSSIAN.covariance[:1, :1])
    assert float(one.log_density(GRID).exp().sum() * 0.005) == pytest.approx(1, abs=1e-6)


def test_a_gaussians_density_and_denoiser_are_those_of_torch_and_of_the_score() -> None:
    x = torch.tensor([[0.1, 0.5], [2.0, -3.0]], dtype=torch.float64)
    known = torch.distributions.MultivariateNormal(GAUSSIAN.mean, GAUSSIAN.covariance)
    assert torch.allclose(GAUSSIAN.log_density(x), known.log_prob(x))
    noisy = torch.distributions.MultivariateNormal(GAUSSIAN.mean, GAUSSIAN.covariance + 0.49 * torch.eye(2))
    x.requires_grad_()
    (score,) = torch.autograd.grad(noisy.log_prob(x).sum(), x)
    denoised = GAUSSIAN.denoise(x, levels(x, 0.7), Condition.none(2))
    assert torch.allclose((denoised - x) / 0.49, score)


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
