"""The levels of noise at which samplers call the network, from the highest to the lowest."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
from jaxtyping import Float64
from torch import Tensor

__all__ = ["SCHEDULES", "flow", "log", "rho"]

Levels = Float64[Tensor, " steps"]


def rho(steps: int, sigma_min: float, sigma_max: float, power: float) -> Levels:
    """Return levels whose roots of this power are evenly spaced. Source: Karras et al. (2022), arXiv:2206.00364."""
    return _even(steps, sigma_max ** (1 / power), sigma_min ** (1 / power)) ** power


def log(steps: int, sigma_min: float, sigma_max: float, power: float) -> Levels:
    """Return levels whose logarithms are evenly spaced: what `rho` comes to as its power grows, which is not used."""
    return _even(steps, math.log(sigma_max), math.log(sigma_min)).exp()


def flow(steps: int, sigma_min: float, sigma_max: float, power: float) -> Levels:
    """Return levels evenly spaced in the time of a straight flow, sigma / (1 + sigma); the power is not used."""
    time = _even(steps, sigma_max / (1 + sigma_max), sigma_min / (1 + sigma_min))
    return time / (1 - time)


def _even(steps: int, first: float, last: float) -> Levels:
    return torch.linspace(first, last, steps, dtype=torch.float64)


SCHEDULES: Mapping[str, Callable[[int, float, float, float], Levels]] = {"rho": rho, "log": log, "flow": flow}
"""Each schedule by its name; called with steps, sigma_min, sigma_max and rho."""
