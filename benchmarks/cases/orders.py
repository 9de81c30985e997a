"""How fast samplers of denoisers come to what they go for, where that is known exactly."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from benchmarks.row import Row, Target
from benchmarks.setting import Setting
from genwright.readings import Condition
from genwright.samplers.denoise import DDIM, DenoiseSampler, DPMSolver, Euler, Heun, UniPC
from genwright.seeds import Noise
from genwright.testing.gaussians import Gaussian

__all__ = ["TESTS", "errors", "order", "rows"]

TESTS = ("tests/core/samplers", "tests/core/testing/test_gaussians.py", "tests/benchmarks/cases/test_orders.py")

_SECTION = "orders"
_SIGMA_MAX, _SIGMA_MIN = 80.0, 0.002
_STEPS = (32, 64, 128, 256)
_GAUSSIAN = Gaussian(
    mean=torch.tensor([0.3, -0.2], dtype=torch.float64),
    covariance=torch.tensor([[0.3, 0.1], [0.1, 0.2]], dtype=torch.float64),
)
_ORDERS: Mapping[str, tuple[DenoiseSampler, int]] = {
    "euler": (Euler(), 1),
    "ddim": (DDIM(), 1),
    "heun": (Heun(), 2),
    "dpm-solver++": (DPMSolver(), 2),
    "unipc": (UniPC(), 3),
}


def rows(setting: Setting) -> Iterator[Row]:
    """Yield the order of convergence of each sampler on a Gaussian, and its error at twenty levels."""
    for name, (sampler, claimed) in _ORDERS.items():
        found = errors(sampler, _STEPS)
        listed = ", ".join(f"{steps}: {error:.2g}" for steps, error in zip(_STEPS, found, strict=True))
        yield Row(
            section=_SECTION,
            name=f"{name}: order of convergence",
            value=order(found, _STEPS),
            target=Target(low=claimed - 0.2, high=claimed + 0.2),
            peers={"claimed by its paper": claimed},
            note=f"Distance from where the flow ends, by levels: {listed}.",
        )


def errors(sampler: DenoiseSampler, steps: Sequence[int]) -> list[float]:
    """Return how far samples of a Gaussian are, altogether, from where the flow takes them."""
    x = _SIGMA_MAX * Noise(0, torch.arange(16)).normal("start", 0, 2).double()
    exact = _denoised(_GAUSSIAN.moved(x, _SIGMA_MAX, _SIGMA_MIN), _SIGMA_MIN)
    return [float((_solved(replace(sampler, **_levels(count)), x) - exact).norm()) for count in steps]


def order(errors: Sequence[float], steps: Sequence[int]) -> float:
    """Return the slope of errors against numbers of steps, both logarithmic, by least squares."""
    x, y = torch.tensor(steps).double().log(), torch.tensor(errors).double().log()
    return -float(((x - x.mean()) * (y - y.mean())).sum() / (x - x.mean()).square().sum())


def _levels(steps: int) -> dict[str, Any]:
    return {"steps": steps, "sigma_max": _SIGMA_MAX, "sigma_min": _SIGMA_MIN}


def _denoised(x: Tensor, sigma: float) -> Tensor:
    return _GAUSSIAN.denoise(x, torch.full((len(x),), sigma, dtype=x.dtype), Condition.none(len(x)))


def _solved(sampler: DenoiseSampler, x: Tensor) -> Tensor:
    return sampler.solve(_denoised, x, [*sampler.levels.tolist(), 0.0], Noise(3, torch.arange(len(x))))
