from __future__ import annotations

import pytest
import torch

from genwright.testing.gaussians import Gaussian
from genwright.testing.planes import near_a_plane

PLANE = near_a_plane()
POINTS = PLANE.points.double()


def test_points_are_the_same_each_time() -> None:
    assert torch.equal(near_a_plane().points, PLANE.points)
    assert PLANE.points.shape == (512, 5)


def test_the_plane_lies_where_points_vary_most() -> None:
    """Made of the directions (0.8, 0, 0.4, 0, -0.3) and (0, 0.5, 0, 0.3, 0.1), with a deviation of 0.15 off them."""
    made = torch.tensor([[0.8, 0.0, 0.4, 0.0, -0.3], [0.0, 0.5, 0.0, 0.3, 0.1]], dtype=torch.float64)
    assert torch.allclose(PLANE.directions.mT @ PLANE.directions, torch.eye(2, dtype=torch.float64))
    assert float(torch.linalg.svdvals(torch.linalg.qr(made.mT).Q.mT @ PLANE.directions).min()) > 0.999
    assert PLANE.deviation == pytest.approx(0.15, abs=0.01)


def test_what_is_projected_lies_in_the_plane_and_is_not_moved_again() -> None:
    once = PLANE.projected(PLANE.points)
    assert torch.allclose(PLANE.projected(once), once, atol=1e-6)
    off = (PLANE.points - once).double()
    assert torch.allclose(off @ PLANE.directions, torch.zeros(512, 2, dtype=torch.float64), atol=1e-6)
    assert float((off.square().sum(1) / 3).mean().sqrt()) == pytest.approx(PLANE.deviation, rel=1e-5)


def test_the_evidence_is_the_mean_log_density_of_the_best_model() -> None:
    known = torch.distributions.MultivariateNormal(PLANE.best.mean, PLANE.best.covariance)
    assert pytest.approx(float(known.log_prob(POINTS).mean())) == PLANE.evidence


@pytest.mark.parametrize("seed", range(20))
def test_no_linear_model_nearby_has_more_evidence(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    variances = torch.linalg.eigvalsh(PLANE.best.covariance)[-2:] - PLANE.deviation**2
    loadings = PLANE.directions * variances.sqrt()
    for size in (0.001, 0.05):
        moved = loadings + size * torch.randn(5, 2, generator=generator, dtype=torch.float64)
        off = PLANE.deviation * (1 + size * float(torch.randn(1, generator=generator)))
        other = Gaussian(mean=PLANE.best.mean, covariance=moved @ moved.mT + off**2 * torch.eye(5))
        assert float(other.log_density(POINTS).mean()) < PLANE.evidence
    exact = Gaussian(mean=PLANE.best.mean, covariance=loadings @ loadings.mT + PLANE.deviation**2 * torch.eye(5))
    assert float(exact.log_density(POINTS).mean()) == pytest.approx(PLANE.evidence)
