from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from genwright.errors import OptionError
from genwright.generation import make_sampler
from genwright.readings import Condition, Denoiser
from genwright.recipe import use
from genwright.registry import discover
from genwright.samplers.denoise import (
    DDIM,
    DDPM,
    Consistency,
    Denoise,
    DenoiseSampler,
    DPMSolver,
    Euler,
    Heun,
    UniPC,
)
from genwright.seeds import Noise
from genwright.testing.gaussians import Gaussian, Mixture

GAUSSIAN = Gaussian(
    mean=torch.tensor([0.3, -0.2], dtype=torch.float64),
    covariance=torch.tensor([[0.3, 0.1], [0.1, 0.2]], dtype=torch.float64),
)
LINE = Mixture(means=torch.tensor([[-1.0], [0.4]], dtype=torch.float64), deviation=0.3)
SAMPLERS = [Euler(), Heun(), Heun(churn=20.0), DPMSolver(), UniPC(), DDIM(), DDIM(eta=0.5), DDPM(), Consistency()]
DETERMINISTIC = [Euler(), Heun(), DPMSolver(), UniPC(), DDIM()]


def named(sampler: DenoiseSampler) -> str:
    return type(sampler).__name__


def denoised(reading: Denoiser, x: Tensor, sigma: float) -> Tensor:
    return reading.denoise(x, torch.full((len(x),), sigma, dtype=x.dtype), Condition.none(len(x)))


def solved(sampler: DenoiseSampler, reading: Denoiser, x: Tensor) -> Tensor:
    def denoise(x: Tensor, sigma: float) -> Tensor:
        return denoised(reading, x, sigma)

    return sampler.solve(denoise, x, [*sampler.levels.tolist(), 0.0], Noise(3, torch.arange(len(x))))


def start(count: int, size: int, sigma: float = 80.0) -> Tensor:
    return sigma * Noise(0, torch.arange(count)).normal("start", 0, size).double()


def order(errors: Sequence[float], steps: Sequence[int]) -> float:
    """Return the slope of the error against the number of steps, both logarithmic: the least squares line's."""
    x, y = torch.tensor(steps).double().log(), torch.tensor(errors).double().log()
    return -float(((x - x.mean()) * (y - y.mean())).sum() / ((x - x.mean()) ** 2).sum())


def on_the_line(x: Tensor, sigma: float, to: float) -> Tensor:
    """Return where the flow takes points of LINE: the flow keeps their order, so to where as much lies below them."""

    def below(x: Tensor, sigma: float) -> Tensor:
        z = (x - LINE.means[:, 0]) / math.sqrt(LINE.deviation**2 + sigma**2)
        return torch.special.ndtr(z).mean(1, keepdim=True)

    wanted, low, high = below(x, sigma), torch.full_like(x, -20.0), torch.full_like(x, 20.0)
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (torch.where(below(middle, to) < wanted, *pair) for pair in ((middle, low), (high, middle)))
    return low


STEPS = [32, 64, 128, 256]
ORDERS = [(Euler(), 1), (DDIM(), 1), (Heun(), 2), (DPMSolver(), 2), (UniPC(), 3)]


@pytest.mark.parametrize("schedule", ["rho", "log"])
@pytest.mark.parametrize(("sampler", "expected"), ORDERS, ids=lambda value: type(value).__name__)
def test_samplers_converge_at_the_order_their_paper_claims_on_a_gaussian(
    sampler: DenoiseSampler, expected: int, schedule: str
) -> None:
    """The flow ends at sigma_min, from where all take one last step to the expected clean sample."""
    x = start(16, 2)
    exact = denoised(GAUSSIAN, GAUSSIAN.moved(x, 80.0, 0.002), 0.002)
    made = [replace(sampler, steps=steps, schedule=schedule) for steps in STEPS]
    errors = [float((solved(one, GAUSSIAN, x) - exact).norm()) for one in made]
    assert order(errors, STEPS) == pytest.approx(expected, abs=0.15)


@pytest.mark.parametrize(("sampler", "expected"), ORDERS, ids=lambda value: type(value).__name__)
def test_samplers_converge_at_the_order_their_paper_claims_where_the_denoiser_is_not_linear(
    sampler: DenoiseSampler, expected: int
) -> None:
    x = start(16, 1)
    exact = denoised(LINE, on_the_line(x, 80.0, 0.002), 0.002)
    errors = [float((solved(replace(sampler, steps=steps), LINE, x) - exact).norm()) for steps in STEPS]
    assert order(errors, STEPS) == pytest.approx(expected, abs=0.3)


@pytest.mark.parametrize("sampler", [DDPM(steps=120), DDIM(eta=0.5, steps=150), Heun(churn=10.0, steps=60)], ids=named)
def test_samplers_with_noise_draw_the_right_mean_and_covariance(sampler: DenoiseSampler) -> None:
    reading = Gaussian(mean=GAUSSIAN.mean.float(), covariance=GAUSSIAN.covariance.float())
    x = sampler.sample(reading, Noise(4, torch.arange(3000)), Condition.none(3000), rows=3000)
    # Standard errors are below 0.011 and 0.008.
    assert torch.allclose(x.mean(0), reading.mean, atol=0.035)
    assert torch.allclose(x.mT.cov(), reading.covariance, atol=0.025)


def vp(sigma: float) -> float:
    """Return the share of signal, alpha-bar, that a level of noise has where the variance is kept at 1."""
    return 1 / (1 + sigma**2)


def ddim_by_hand(denoise: Denoise, x: Tensor, sigmas: Sequence[float], noise: Noise, eta: float) -> Tensor:
    """Return DDIM's samples by equations 12 and 16 of its paper, in its variables."""
    y = x * math.sqrt(vp(sigmas[0]))
    for step, (s, t) in enumerate(itertools.pairwise(sigmas)):
        a, b = vp(s), vp(t)
        clean = denoise(y / math.sqrt(a), s)
        epsilon = (y - math.sqrt(a) * clean) / math.sqrt(1 - a)
        deviation = eta * math.sqrt((1 - b) / (1 - a)) * math.sqrt(1 - a / b)
        y = math.sqrt(b) * clean + math.sqrt(max(1 - b - deviation**2, 0.0)) * epsilon
        y = y + deviation * noise.normal("step", step, x[0].numel()).view_as(x)
    return y


def ddpm_by_hand(denoise: Denoise, x: Tensor, sigmas: Sequence[float], noise: Noise) -> Tensor:
    """Return DDPM's samples by equations 6 and 7 of its paper, in its variables."""
    y = x * math.sqrt(vp(sigmas[0]))
    for step, (s, t) in enumerate(itertools.pairwise(sigmas)):
        a, b = vp(s), vp(t)
        beta = 1 - a / b
        clean = denoise(y / math.sqrt(a), s)
        mean = math.sqrt(b) * beta / (1 - a) * clean + math.sqrt(a / b) * (1 - b) / (1 - a) * y
        y = mean + math.sqrt((1 - b) / (1 - a) * beta) * noise.normal("step", step, x[0].numel()).view_as(x)
    return y


def heun_by_hand(denoise: Denoise, x: Tensor, sigmas: Sequence[float], noise: Noise, made: Heun) -> Tensor:
    """Return the samples of EDM's algorithm 2, line by line."""
    n = len(sigmas) - 1
    for i in range(n):
        t = sigmas[i]
        gamma = min(made.churn / n, math.sqrt(2) - 1) if made.churn_min <= t <= made.churn_max else 0.0
        epsilon = made.churn_noise * noise.normal("step", i, x[0].numel()).view_as(x)
        t_hat = t + gamma * t
        x_hat = x + math.sqrt(t_hat**2 - t**2) * epsilon
        d = (x_hat - denoise(x_hat, t_hat)) / t_hat
        x = x_hat + (sigmas[i + 1] - t_hat) * d
        if sigmas[i + 1] != 0:
            d_prime = (x - denoise(x, sigmas[i + 1])) / sigmas[i + 1]
            x = x_hat + (sigmas[i + 1] - t_hat) * (d / 2 + d_prime / 2)
    return x


def dpm_solver_by_hand(denoise: Denoise, x: Tensor, sigmas: Sequence[float]) -> Tensor:
    """Return the samples of DPM-Solver++'s algorithm 2 in its variables, of which the variance is kept at 1."""
    alpha = [math.sqrt(vp(s)) for s in sigmas]
    deviation = [math.sqrt(1 - vp(s)) for s in sigmas]
    lambdas = [math.log(a / s) for a, s in zip(alpha[:-1], deviation[:-1], strict=True)]
    y = alpha[0] * x
    seen: list[Tensor] = []
    for i in range(1, len(sigmas)):
        seen.append(denoise(y / alpha[i - 1], sigmas[i - 1]))
        if i == len(sigmas) - 1:
            return seen[-1]
        h = lambdas[i] - lambdas[i - 1]
        mixed = seen[-1]
        if i > 1:
            r = (lambdas[i - 1] - lambdas[i - 2]) / h
            mixed = (1 + 1 / (2 * r)) * seen[-1] - 1 / (2 * r) * seen[-2]
        y = deviation[i] / deviation[i - 1] * y - alpha[i] * math.expm1(-h) * mixed
    raise AssertionError("the levels end in 0")


def unipc_by_hand(denoise: Denoise, x: Tensor, sigmas: Sequence[float]) -> Tensor:
    """Return the samples of UniPC-2 by its paper's algorithms 5 and 6 (data prediction), B(h) = exp(h) - 1, h < 0."""
    lambdas = [-math.log(s) for s in sigmas[:-1]]
    seen = [denoise(x, sigmas[0])]
    for i in range(1, len(lambdas)):
        h = lambdas[i] - lambdas[i - 1]
        b_h = math.expm1(-h)
        plain = sigmas[i] / sigmas[i - 1] * x - b_h * seen[-1]
        ratios = [(lambdas[i - 2] - lambdas[i - 1]) / h] if i > 1 else []
        changes = [(seen[-2] - seen[-1]) / ratio for ratio in ratios]
        predicted = plain - b_h * sum((0.5 * change for change in changes), torch.zeros(()))
        seen.append(denoise(predicted, sigmas[i]))
        changes.append(seen[-1] - seen[-2])
        x = plain - b_h * sum(
            (weight * change for weight, change in zip(unipc_weights([*ratios, 1.0], -h), changes, strict=True)),
            torch.zeros(()),
        )
    return seen[-1]


def unipc_weights(ratios: Sequence[float], h: float) -> list[float]:
    """Return rho of R(h) rho = b / B(h); 1/2 where there is one."""
    if len(ratios) == 1:
        return [0.5]
    phi_2 = math.expm1(h) / h - 1
    phi_3 = phi_2 / h - 0.5
    b = torch.tensor([phi_2, 2 * phi_3], dtype=torch.float64) / math.expm1(h)
    matrix = torch.tensor([[1.0, 1.0], list(ratios)], dtype=torch.float64)
    return [float(weight) for weight in torch.linalg.solve(matrix, b)]


CHURNED = Heun(churn=7.0, churn_min=0.01, churn_max=50.0, churn_noise=1.003)
BY_HAND: list[tuple[DenoiseSampler, Callable[[Denoise, Tensor, Sequence[float], Noise], Tensor]]] = [
    (Euler(), lambda d, x, s, n: ddim_by_hand(d, x, s, n, 0.0)),
    (DDIM(), lambda d, x, s, n: ddim_by_hand(d, x, s, n, 0.0)),
    (DDIM(eta=0.4), lambda d, x, s, n: ddim_by_hand(d, x, s, n, 0.4)),
    (DDPM(), ddpm_by_hand),
    (Heun(), lambda d, x, s, n: heun_by_hand(d, x, s, n, Heun())),
    (CHURNED, lambda d, x, s, n: heun_by_hand(d, x, s, n, CHURNED)),
    (DPMSolver(), lambda d, x, s, n: dpm_solver_by_hand(d, x, s)),
    (UniPC(), lambda d, x, s, n: unipc_by_hand(d, x, s)),
]


@pytest.mark.parametrize("schedule", ["rho", "flow"])
@pytest.mark.parametrize(("sampler", "by_hand"), BY_HAND, ids=lambda value: type(value).__name__)
def test_samplers_are_the_published_formulas(
    sampler: DenoiseSampler, by_hand: Callable[[Denoise, Tensor, Sequence[float], Noise], Tensor], schedule: str
) -> None:
    made = replace(sampler, steps=7, schedule=schedule)
    x, noise, sigmas = start(16, 1), Noise(3, torch.arange(16)), [*made.levels.tolist(), 0.0]

    def denoise(x: Tensor, sigma: float) -> Tensor:
        return denoised(LINE, x, sigma)

    found = made.solve(denoise, x, sigmas, noise)
    assert torch.allclose(found, by_hand(denoise, x, sigmas, noise), atol=1e-9)


@dataclass
class Counting:
    """A denoiser that keeps the levels and the number of rows it was called with."""

    inner: Denoiser
    levels: list[float]
    rows: list[int]

    @property
    def shape(self) -> tuple[int, ...]:
        return self.inner.shape

    def denoise(self, x: Tensor, sigma: Tensor, condition: Condition) -> Tensor:
        assert len(x) == len(sigma) == len(condition)
        assert (sigma == sigma[0]).all()
        self.levels.append(float(sigma[0]))
        self.rows.append(len(x))
        return self.inner.denoise(x, sigma, condition)


@pytest.mark.parametrize("steps", [1, 2, 5])
@pytest.mark.parametrize("sampler", SAMPLERS, ids=named)
def test_networks_are_called_as_often_as_said_from_the_highest_level_down(sampler: DenoiseSampler, steps: int) -> None:
    counting = Counting(LINE, [], [])
    made = replace(sampler, steps=steps, sigma_min=0.1)
    made.sample(counting, Noise(0, torch.arange(5)), Condition.none(5), rows=4)
    calls = 2 * steps - 1 if isinstance(made, Heun) else steps
    assert counting.rows == [4] * (2 * calls)
    assert counting.levels[0] >= 80.0 * (1 - 1e-6)
    assert min(counting.levels) >= 0.1 * (1 - 1e-6)


def test_consistency_goes_on_from_fresh_noise() -> None:
    x, noise = start(8, 1), Noise(3, torch.arange(8))
    made = Consistency(steps=3, sigma_min=0.5)

    def denoise(x: Tensor, sigma: float) -> Tensor:
        return denoised(LINE, x, sigma)

    _, second, third = made.levels.tolist()
    first = denoise(x, 80.0)
    once = denoise(first + second * noise.normal("step", 0, 1), second)
    expected = denoise(once + third * noise.normal("step", 1, 1), third)
    assert third == pytest.approx(0.5)
    assert torch.equal(made.solve(denoise, x, [80.0, second, third, 0.0], noise), expected)


def test_samplers_start_from_the_same_noise() -> None:
    """So what they draw differs by their errors alone."""
    noise, condition = Noise(5, torch.arange(6)), Condition.none(6)
    drawn = [replace(s, steps=200).sample(LINE, noise, condition, rows=6) for s in DETERMINISTIC]
    for other in drawn[1:]:
        assert torch.allclose(other, drawn[0], atol=0.02)


class Net(nn.Module):
    """Matrix products over places and channels, wide enough that other numbers of rows give other bits."""

    shape = (3, 8)

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.first = nn.Parameter(torch.randn(25, 128, generator=generator) / 5, requires_grad=False)
        self.second = nn.Parameter(torch.randn(128, 24, generator=generator) / 12, requires_grad=False)

    def denoise(self, x: Tensor, sigma: Tensor, condition: Condition) -> Tensor:
        given = torch.cat((x.flatten(1) / (1 + sigma[:, None]), condition.scalars + sigma.log()[:, None]), 1)
        return (torch.tanh(given @ self.first) @ self.second).view_as(x)


@pytest.mark.parametrize("sampler", SAMPLERS, ids=named)
def test_a_sample_is_bit_equal_alone_and_in_any_batch(sampler: DenoiseSampler) -> None:
    made, net = replace(sampler, steps=min(sampler.steps, 6)), Net()
    scalars = torch.linspace(-1, 1, 21)[:, None]
    condition = replace(Condition.none(21), scalars=scalars)
    whole = made.sample(net, Noise(9, torch.arange(21)), condition, rows=8)
    assert whole.shape == (21, 3, 8)
    for index in (0, 7, 20):
        alone = made.sample(net, Noise(9, torch.tensor([index])), condition[index : index + 1], rows=8)
        assert torch.equal(alone[0], whole[index])
    order = torch.arange(20, -1, -1)
    assert torch.equal(made.sample(net, Noise(9, order), condition[order], rows=8), whole[order])


@pytest.mark.parametrize("name", ["euler", "heun", "dpm-solver++", "unipc", "ddim", "ddpm", "consistency"])
def test_samplers_are_made_by_name_with_their_options(name: str) -> None:
    made = make_sampler(use(name, steps=3, sigma_max=40, schedule="log"), discover(only=[]), encoder=None)
    assert isinstance(made, DenoiseSampler)
    assert (made.steps, made.levels[0], made.schedule) == (3, pytest.approx(40.0), "log")
    with pytest.raises(OptionError, match=rf"sampler '{re.escape(name)}' has no option 'step'\. Did you mean 'steps'"):
        make_sampler(use(name, step=3), discover(only=[]), encoder=None)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 0}, r"sampling takes 1 step or more; got 0\. Try steps=20\."),
        ({"sigma_min": 0.0}, r"down to a sigma_min above 0; got sigma_max=80\.0 and sigma_min=0\.0\. The usual are 80"),
        ({"sigma_max": 0.001}, r"got sigma_max=0\.001 and sigma_min=0\.002\."),
        ({"sigma_max": math.nan}, r"got sigma_max=nan and"),
        ({"rho": 0.0}, r"rho is above 0; got 0\.0\. The usual is 7\."),
        (
            {"rho": 0.004},
            r"20 of schedule='rho', sigma_max=80\.0, sigma_min=0\.002 and rho=0\.004 do not, as numbers of",
        ),
        ({"rho": 1e17}, r"and rho=1e\+17 do not"),
        ({"sigma_max": 1e300}, r"sigma_max=1e\+300, .* do not"),
        ({"sigma_min": 79.99999999999999}, r"sigma_min=79\.99999999999999 and .* do not"),
        ({"sigma_max": 1e17, "schedule": "flow"}, r"schedule='flow', sigma_max=1e\+17, .* do not"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        DPMSolver(**options)


def test_noise_out_of_range_is_refused() -> None:
    with pytest.raises(
        OptionError, match=r"churn and churn_noise are 0 or more; got -1\.0 and 1\.0\. For none: churn=0"
    ):
        Heun(churn=-1.0)
    with pytest.raises(
        OptionError, match=r"churn_min of 0 or more to a higher churn_max; got nan and 50\.0\. The usual"
    ):
        Heun(churn_min=math.nan)
    with pytest.raises(OptionError, match=r"got 2\.0 and 1\.0\."):
        Heun(churn_min=2.0, churn_max=1.0)
    with pytest.raises(OptionError, match=r"eta is from 0 to 1; got 1\.5\. For no noise: eta=0\."):
        DDIM(eta=1.5)
