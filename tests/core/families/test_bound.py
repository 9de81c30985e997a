from __future__ import annotations

import math
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from genwright.families.bound import lower_bound
from genwright.readings import Condition, Denoiser
from genwright.seeds import Noise
from genwright.testing.gaussians import Gaussian, Mixture

GAUSSIAN = Gaussian(
    mean=torch.tensor([0.3, -0.2, 0.1], dtype=torch.float64),
    covariance=torch.tensor([[0.3, 0.1, 0.0], [0.1, 0.2, 0.05], [0.0, 0.05, 0.1]], dtype=torch.float64),
)
MIXTURE = Mixture(means=torch.tensor([[-1.0, 0.0], [0.4, 0.3]], dtype=torch.float64), deviation=0.2)
STEP = 2 / 15


@dataclass
class Stepped:
    """The best denoiser of a normal value rounded to steps, by summing over all of them."""

    shape: tuple[int, ...] = (1,)

    @property
    def values(self) -> Tensor:
        return STEP * torch.arange(-40, 41, dtype=torch.float64)

    @property
    def log_probability(self) -> Tensor:
        edges = (self.values[:, None] + torch.tensor([-0.5, 0.5]) * STEP) / 0.5
        return torch.special.ndtr(edges).diff(dim=1)[:, 0].log()

    def denoise(self, x: Tensor, sigma: Tensor, condition: Condition) -> Tensor:
        weights = self.log_probability - 0.5 * (x - self.values) ** 2 / sigma[:, None] ** 2
        return (weights.softmax(1) * self.values).sum(1, keepdim=True)


@dataclass
class Wrong:
    """A denoiser whose results are a tenth too small."""

    inner: Denoiser

    @property
    def shape(self) -> tuple[int, ...]:
        return self.inner.shape

    def denoise(self, x: Tensor, sigma: Tensor, condition: Condition) -> Tensor:
        return 0.9 * self.inner.denoise(x, sigma, condition)


def bounds(reading: Denoiser, x: Tensor, **options: float) -> Tensor:
    return lower_bound(reading, x, Condition.none(len(x)), Noise(8, torch.arange(len(x))), **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("made", [GAUSSIAN, MIXTURE])
def test_with_the_best_denoiser_the_bound_is_the_density(made: Gaussian | Mixture) -> None:
    x = made.drawn(Noise(2, torch.arange(1000))).double()
    gap = made.log_density(x) - bounds(made, x, levels=256)
    error = float(gap.std()) / math.sqrt(len(x))
    assert abs(float(gap.mean())) < 3 * error < 0.17


@pytest.mark.parametrize("made", [GAUSSIAN, MIXTURE])
def test_it_is_the_density_of_each_point_and_not_only_on_average(made: Gaussian | Mixture) -> None:
    point = made.drawn(Noise(5, torch.arange(1))).double()
    found = bounds(made, point.expand(1000, -1), levels=256)
    error = float(found.std()) / math.sqrt(1000)
    assert abs(float(made.log_density(point)) - float(found.mean())) < 3 * error < 0.17


def test_with_another_denoiser_it_lies_below() -> None:
    x = GAUSSIAN.drawn(Noise(2, torch.arange(500)))
    gap = GAUSSIAN.log_density(x) - bounds(Wrong(GAUSSIAN), x)
    assert float(gap.mean()) > 10 * float(gap.std()) / math.sqrt(500)


def test_of_values_a_step_apart_it_bounds_the_probability() -> None:
    made = Stepped()
    which = (Noise(2, torch.arange(3000)).normal("x", 0, 1).double() * 0.5 / STEP).round().long() + 40
    x = made.values[which]
    gap = made.log_probability[which[:, 0]] - bounds(made, x, step=STEP)
    error = float(gap.std()) / math.sqrt(len(x))
    assert error < 0.03
    # The last draw does not know what the network knows of the steps.
    assert -3 * error < float(gap.mean()) < 3 * error + 0.045


def test_all_values_a_step_apart_have_at_most_probability_1_however_wrong_the_denoiser() -> None:
    """The last draw is normalised over all steps, wherever the denoiser points."""
    values = Stepped().values[:, None].expand(81, 50)
    found = bounds(Wrong(Stepped()), values.reshape(-1, 1), step=STEP).view(81, 50).mean(1)
    assert 0.1 < float(found.exp().sum()) < 1


def test_more_levels_estimate_the_same_bound_better() -> None:
    x = GAUSSIAN.drawn(Noise(2, torch.arange(400)))
    few, many = (GAUSSIAN.log_density(x) - bounds(GAUSSIAN, x, levels=levels) for levels in (16, 256))
    assert float(many.std()) < 0.4 * float(few.std())
    assert abs(float(few.mean() - many.mean())) < 3 * float(few.std()) / math.sqrt(400)


def test_a_row_does_not_depend_on_the_others() -> None:
    x = GAUSSIAN.drawn(Noise(2, torch.arange(6)))
    whole = bounds(GAUSSIAN, x)
    part = lower_bound(GAUSSIAN, x[2:4], Condition.none(2), Noise(8, torch.arange(2, 4)))
    assert torch.allclose(part, whole[2:4])
