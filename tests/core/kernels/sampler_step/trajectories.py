"""Whole ways from noise to samples, step by step through the operation."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from genwright.kernels.sampler_step.coefficients import ancestral, dpm_solver, euler, heun
from genwright.kernels.sampler_step.spec import sampler_step
from genwright.samplers.denoise import DDIM, DDPM, Denoise, DenoiseSampler, DPMSolver, Euler, Heun
from genwright.seeds import Noise

Way = Callable[[Denoise, Tensor, Sequence[float], Noise], Tensor]

NOISE = Noise(17, torch.tensor([4, 2**40]))
SHAPE = (2, 2, 9, 5)


def start(sigma: float) -> Tensor:
    return (sigma * NOISE.normal("start", 0, math.prod(SHAPE[1:]))).view(SHAPE).contiguous()


def denoise(x: Tensor, sigma: float) -> Tensor:
    """As a network might: neither linear nor smooth in sigma, and each number depends on its neighbours."""
    scaled = x / math.sqrt(1 + sigma**2)
    return torch.sin(3 * scaled + 0.2 * scaled.roll(1, -1)) * math.cos(sigma) + 0.4 * scaled.abs()


def by_euler(denoise: Denoise, x: Tensor, sigmas: Sequence[float], noise: Noise) -> Tensor:
    for row, sigma in enumerate(sigmas[:-1]):
        x, _ = sampler_step(x, denoise(x, sigma), euler(sigmas), row)
    return x


def by_ancestral(eta: float) -> Way:
    def way(denoise: Denoise, x: Tensor, sigmas: Sequence[float], noise: Noise) -> Tensor:
        table = ancestral(sigmas, eta=eta)
        drawn = noise if eta else None
        for row, sigma in enumerate(sigmas[:-1]):
            x, _ = sampler_step(x, denoise(x, sigma), table, row, noise=drawn, draw=row)
        return x

    return way


def by_dpm_solver(denoise: Denoise, x: Tensor, sigmas: Sequence[float], noise: Noise) -> Tensor:
    before: Tensor | None = None
    for row, sigma in enumerate(sigmas[:-1]):
        x, before = sampler_step(x, denoise(x, sigma), dpm_solver(sigmas), row, before=before, keep=True)
    return x


def by_heun(share: float) -> Way:
    """The samplers churn by at most this share of the level, below the first one."""

    def way(denoise: Denoise, x: Tensor, sigmas: Sequence[float], noise: Noise) -> Tensor:
        raised = [sigma * (1 + share * (0.05 <= sigma <= 50)) for sigma in sigmas[:-1]]
        table = heun(sigmas, raised=raised, churn_noise=1.003)
        for step, sigma in enumerate(raised):
            ahead, before = sampler_step(x, denoise(x, sigma), table, 2 * step, keep=True)
            if not sigmas[step + 1]:
                return ahead
            clean = denoise(ahead, sigmas[step + 1])
            drawn = noise if share else None
            x, _ = sampler_step(x, clean, table, 2 * step + 1, before=before, corrects=True, noise=drawn, draw=step + 1)
        return x

    return way


WAYS: dict[str, tuple[DenoiseSampler, Way]] = {
    "euler": (Euler(steps=50), by_euler),
    "ddim": (DDIM(steps=50), by_ancestral(0.0)),
    "ddim, half anew": (DDIM(steps=50, eta=0.5), by_ancestral(0.5)),
    "ddpm": (DDPM(steps=50), by_ancestral(1.0)),
    "dpm-solver": (DPMSolver(steps=50), by_dpm_solver),
    "heun": (Heun(steps=50), by_heun(0.0)),
    "heun, churned": (Heun(steps=50, churn=5.0, churn_noise=1.003), by_heun(0.1)),
}
