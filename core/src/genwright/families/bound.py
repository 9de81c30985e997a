"""A bound on the likelihood of a denoiser's samples."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from genwright.readings import Condition, Denoiser
from genwright.rows import each_row
from genwright.seeds import Noise

__all__ = ["lower_bound"]

# Where values have a step, the lowest level of noise is a third of it: lower ones ask the network to know of the steps,
# higher ones hide what it knows of values that never change. The bound then loses 0.04 nats a value with the best
# denoiser, 0.01 with the best that knows of no steps, and 0.02 where the value never changes. At a quarter of a step
# it is 0.08, 0.09 and 0.00, at half a step 0.00, 0.00 and 0.24.
_SIGMAS_A_STEP = 3


@torch.no_grad()
def lower_bound(
    reading: Denoiser,
    x: Float[Tensor, " B *shape"],
    condition: Condition,
    noise: Noise,
    *,
    step: float = 0.0,
    levels: int = 64,
    sigma_min: float = 0.002,
    sigma_max: float = 80.0,
) -> Float[Tensor, " B"]:
    """Return a bound below log p(x) of each row, in nats, of the process that removes noise step after tiny step.

    What the process costs from sigma_max to sigma_min is estimated without bias, at one level drawn in each of so many
    equal parts of log sigma; what its start and its last draw cost is added. With the exact denoiser, and limits far
    enough apart, it is log p(x) itself.

    step:      the spacing of the values of x, whose probability it then bounds; 0 for a density
    levels:    how often the network is called; more of them make the estimate, not the bound, better
    sigma_min: the lowest level where step is 0, else it is a third of the step

    Source: Kingma et al. (2021), arXiv:2107.00630, for infinitely many steps.
    """
    if step:
        sigma_min = step / _SIGMAS_A_STEP
    width = math.log(sigma_max / sigma_min) / levels
    places = noise.uniform("place", 0, 1)[:, 0].to(x.dtype)
    total = -0.5 * x.flatten(1).square().sum(1) / sigma_max**2
    for level in range(levels):
        sigma = sigma_min * (width * (level + places)).exp()
        total = total - width * _error(reading, x, sigma, condition, noise, level).square().flatten(1).sum(1)
    error = _error(reading, x, torch.full_like(places, sigma_min), condition, noise, levels)
    return total + _log_last(error, sigma_min, stepped=step > 0).flatten(1).sum(1)


def _error(
    reading: Denoiser, x: Tensor, sigma: Tensor, condition: Condition, noise: Noise, draw: int
) -> Float[Tensor, " B *shape"]:
    """Return what the denoiser gets wrong, in units of the noise."""
    each = each_row(sigma, x)
    noisy = x + each * noise.normal("noise", draw, x[0].numel()).view_as(x)
    return (x - reading.denoise(noisy, sigma, condition)) / each


def _log_last(error: Tensor, sigma: float, *, stepped: bool) -> Tensor:
    """Return the log probability of values so many sigma from the expected: normal, of steps alone if `stepped`."""
    if not stepped:
        return -0.5 * error.square() - math.log(sigma * math.sqrt(2 * math.pi))
    # Values go on in steps either way, so their sum repeats with each; farther ones add less than float32 can hold.
    nearest = error.remainder(_SIGMAS_A_STEP)[..., None]
    others = nearest + _SIGMAS_A_STEP * torch.arange(-3, 3, dtype=error.dtype, device=error.device)
    return -0.5 * error.square() - (-0.5 * others.square()).logsumexp(-1)
