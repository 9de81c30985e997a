"""The samplers as plain expressions with the numbers of each step in them: what their bits have to stay."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor

from genwright.samplers.denoise import DDIM, DDPM, Denoise, DenoiseSampler, DPMSolver, Euler, Heun
from genwright.seeds import Noise

__all__ = ["solved"]


def solved(sampler: DenoiseSampler, denoise: Denoise, x: Tensor, sigmas: Sequence[float], noise: Noise) -> Tensor:
    """Return clean samples from x, as a sampler draws them."""
    if isinstance(sampler, Euler):
        return _ancestral(denoise, x, sigmas, noise, 0.0)
    if isinstance(sampler, DDIM | DDPM):
        return _ancestral(denoise, x, sigmas, noise, sampler.eta if isinstance(sampler, DDIM) else 1.0)
    if isinstance(sampler, Heun):
        return _heun(sampler, denoise, x, sigmas, noise)
    assert isinstance(sampler, DPMSolver)
    return _dpm_solver(denoise, x, sigmas)


def _ancestral(denoise: Denoise, x: Tensor, sigmas: Sequence[float], noise: Noise, eta: float) -> Tensor:
    for step, (sigma, following) in enumerate(pairwise(sigmas)):
        fresh = eta * following * math.sqrt(1 - (following / sigma) ** 2)
        kept = math.sqrt(following**2 - fresh**2)
        clean = denoise(x, sigma)
        x = clean + kept / sigma * (x - clean)
        if fresh:
            x = x + fresh * noise.normal("step", step, x[0].numel()).view_as(x)
    return x


def _heun(made: Heun, denoise: Denoise, x: Tensor, sigmas: Sequence[float], noise: Noise) -> Tensor:
    for step, (sigma, following) in enumerate(pairwise(sigmas)):
        inside = made.churn_min <= sigma <= made.churn_max
        raised = sigma * (1 + (min(made.churn / (len(sigmas) - 1), math.sqrt(2) - 1) if inside else 0.0))
        if raised > sigma:
            normal = noise.normal("step", step, x[0].numel()).view_as(x)
            x = x + made.churn_noise * math.sqrt(raised**2 - sigma**2) * normal
        clean = denoise(x, raised)
        ahead = clean + following / raised * (x - clean)
        if not following:
            return ahead
        slopes = (x - clean) / raised, (ahead - denoise(ahead, following)) / following
        x = x + (following - raised) / 2 * (slopes[0] + slopes[1])
    raise AssertionError("the levels end in 0")


def _dpm_solver(denoise: Denoise, x: Tensor, sigmas: Sequence[float]) -> Tensor:
    before: Tensor | None = None
    for step, (sigma, following) in enumerate(pairwise(sigmas)):
        clean = denoise(x, sigma)
        ahead = clean
        if before is not None and following:
            first, second, third = sigmas[step - 1 : step + 2]
            ahead = clean + math.log(second / third) / math.log(first / second) / 2 * (clean - before)
        x = ahead + following / sigma * (x - ahead)
        before = clean
    return x
