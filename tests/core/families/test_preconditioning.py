from __future__ import annotations

import math
from collections.abc import Callable
from typing import get_args

import pytest
import torch
from torch import Tensor, nn

from genwright.errors import OptionError
from genwright.families.preconditioning import Preconditioned, Preconditioning, Prediction
from genwright.family import Batch
from genwright.readings import Condition, Denoiser
from genwright.seeds import Noise

PREDICTIONS: tuple[Prediction, ...] = get_args(Prediction)
SIGMA = torch.tensor([0.002, 0.1, 0.5, 3.0, 80.0], dtype=torch.float64)
SHAPE = (2, 3)


class Fixed(nn.Module):
    """A network that gives what it was made with, and keeps what it was given."""

    def __init__(self, answer: Tensor) -> None:
        super().__init__()
        self.answer = answer

    def forward(self, x: Tensor, level: Tensor, condition: Condition) -> Tensor:
        self.x, self.level = x, level
        return self.answer


def clean_and_noise(rows: int = 5, data: float = 0.5) -> tuple[Tensor, Tensor]:
    noise = Noise(0, torch.arange(rows))
    x, n = (noise.normal(purpose, 0, 6).view(rows, *SHAPE).double() for purpose in ("x", "n"))
    return data * x, n


# What the network of each prediction is to give, of data of deviation 1, by the papers.
TARGETS: dict[Prediction, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "edm": lambda x, n, s: (s * x - n) / (1 + s**2).sqrt(),
    "v": lambda x, n, s: n / (1 + s**2).sqrt() - x * s / (1 + s**2).sqrt(),
    "epsilon": lambda x, n, s: n,
    "flow": lambda x, n, s: n - x,
}
# The deviations of data that each is for.
DEVIATIONS = [(p, d) for p in PREDICTIONS for d in (0.5, 1.0) if p != "flow" or d == 1.0]


@pytest.mark.parametrize(("prediction", "data"), DEVIATIONS)
def test_a_network_that_gives_what_the_paper_says_denoises_perfectly(prediction: Prediction, data: float) -> None:
    x, n = clean_and_noise(data=data)
    sigma = SIGMA[:, None, None]
    network = Fixed(TARGETS[prediction](x / data, n, sigma / data))
    made = Preconditioning(prediction=prediction, sigma_data=data)
    assert torch.allclose(made.denoise(network, x + sigma * n, SIGMA, Condition.none(5)), x, atol=1e-9)


def test_edm_is_table_1_of_its_paper() -> None:
    skip, out, inward = Preconditioning(sigma_data=0.5).scales(SIGMA)
    total = SIGMA**2 + 0.25
    assert torch.allclose(skip, 0.25 / total)
    assert torch.allclose(out, SIGMA * 0.5 / total.sqrt())
    assert torch.allclose(inward, 1 / total.sqrt())


def test_edm_and_v_differ_by_the_sign_alone() -> None:
    edm, v = (Preconditioning(prediction=p).scales(SIGMA) for p in ("edm", "v"))
    assert torch.allclose(torch.stack(edm), torch.stack((v[0], -v[1], v[2])))


def test_flow_gives_the_network_points_of_the_straight_path() -> None:
    x, n = clean_and_noise()
    t = (SIGMA / (1 + SIGMA))[:, None, None]
    network = Fixed(torch.zeros_like(x))
    Preconditioning(prediction="flow").denoise(network, x + SIGMA[:, None, None] * n, SIGMA, Condition.none(5))
    assert torch.allclose(network.x, (1 - t) * x + t * n)


@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_the_network_is_given_unit_deviation_and_a_level_of_order_1(prediction: Prediction) -> None:
    made, count = Preconditioning(prediction=prediction, sigma_data=1.0), 2000
    for sigma in SIGMA:
        x, n = clean_and_noise(count, data=1.0)
        network = Fixed(torch.zeros_like(x))
        made.denoise(network, x + sigma * n, sigma.expand(count), Condition.none(count))
        # Half way along a straight path noise and sample add up to 1 / sqrt(2).
        assert 0.7 < float(network.x.std()) < 1.05
        assert network.level.tolist() == pytest.approx([math.log(sigma) / 4] * count)


@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_the_loss_is_the_error_of_the_denoiser_weighted_by_1_over_out_squared(prediction: Prediction) -> None:
    made = Preconditioning(prediction=prediction)
    x, _ = clean_and_noise()
    network = Fixed(torch.sin(torch.arange(30.0, dtype=torch.float64)).view(5, *SHAPE))
    batch = Batch(x=x, condition=Condition.none(5), noise=Noise(4, torch.arange(5)))
    noisy = x + SIGMA[:, None, None] * batch.noise.normal("noise", 0, 6).view(5, *SHAPE)
    error = made.denoise(network, noisy, SIGMA, batch.condition) - x
    _, out, _ = made.scales(SIGMA)
    expected = (error / out[:, None, None]).square().mean()
    assert torch.allclose(made.loss(network, batch, SIGMA), expected)


@pytest.mark.parametrize("prediction", ["edm", "v", "epsilon"])
def test_a_network_that_knows_nothing_has_loss_1(prediction: Prediction) -> None:
    x, _ = clean_and_noise(4000)
    batch = Batch(x=x, condition=Condition.none(4000), noise=Noise(4, torch.arange(4000)))
    sigma = torch.logspace(-2, 1, 4000)
    loss = Preconditioning(prediction=prediction).loss(Fixed(torch.zeros_like(x)), batch, sigma)
    assert float(loss) == pytest.approx(1, abs=0.03)


def test_half_precision_networks_are_read_in_the_precision_of_x() -> None:
    x = torch.ones(2, *SHAPE)
    reading = Preconditioned(Fixed(torch.ones(2, *SHAPE, dtype=torch.bfloat16)), Preconditioning(), SHAPE)
    assert isinstance(reading, Denoiser)
    assert reading.denoise(x, torch.ones(2), Condition.none(2)).dtype == torch.float32


@pytest.mark.parametrize("data", [0.0, -1.0, math.inf, math.nan])
def test_data_have_a_deviation_above_0(data: float) -> None:
    with pytest.raises(OptionError, match=rf"sigma_data is the deviation of the data, above 0; got {data}\. Measure"):
        Preconditioning(sigma_data=data)
