"""Drawing by removing noise, level by level.

Each sampler is one way to follow dx/dsigma = (x - D(x; sigma)) / sigma from noise down to a sample, or a random process
with the same distribution at every level. All start from the same noise, so that what they draw can be compared.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, final

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from genwright.errors import OptionError
from genwright.readings import Condition, Denoiser
from genwright.rows import by_rows
from genwright.sampler import Sampler
from genwright.samplers.schedules import SCHEDULES
from genwright.seeds import Noise

__all__ = ["DDIM", "DDPM", "Consistency", "DPMSolver", "Denoise", "DenoiseSampler", "Euler", "Heun", "UniPC"]

Denoise = Callable[[Tensor, float], Tensor]
"""The expected clean samples of x, which has noise of deviation sigma."""


@dataclass(frozen=True, kw_only=True)
class DenoiseSampler(Sampler[Denoiser]):
    """Goes down a schedule of noise levels, the last step being to none.

    steps:     how many levels the network is called at
    sigma_min: the lowest of them
    sigma_max: the highest of them; far above the deviation of the data, of which nothing must be left
    schedule:  how they are spaced: "rho" by powers, "log" by logarithms, "flow" by the time of a straight flow
    rho:       the power of the schedule "rho": 1 spaces evenly, higher ones put more levels where noise is low
    """

    steps: int = 20
    sigma_min: float = 0.002
    sigma_max: float = 80.0
    schedule: Literal["rho", "log", "flow"] = "rho"
    rho: float = 7.0

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise OptionError(f"sampling takes 1 step or more; got {self.steps}. Try steps=20.")
        if not 0 < self.sigma_min < self.sigma_max < math.inf:
            raise OptionError(
                "noise goes from sigma_max down to a sigma_min above 0; "
                f"got sigma_max={self.sigma_max} and sigma_min={self.sigma_min}. The usual are 80 and 0.002."
            )
        if not 0 < self.rho < math.inf:
            raise OptionError(f"rho is above 0; got {self.rho}. The usual is 7.")
        if not _fall(self):
            raise OptionError(
                f"levels of noise fall from sigma_max to sigma_min; {self.steps} of schedule={self.schedule!r}, "
                f"sigma_max={self.sigma_max}, sigma_min={self.sigma_min} and rho={self.rho} do not, as numbers of this "
                "machine. The usual are schedule='rho', 80, 0.002 and 7."
            )

    @property
    def levels(self) -> Float64[Tensor, " steps"]:
        """The levels that the network is called at, falling."""
        return SCHEDULES[self.schedule](self.steps, self.sigma_min, self.sigma_max, self.rho)

    @abstractmethod
    def solve(
        self, denoise: Denoise, x: Float[Tensor, " B *shape"], sigmas: Sequence[float], noise: Noise
    ) -> Float[Tensor, " B *shape"]:
        """Return clean samples from x, which has noise of level sigmas[0]; the levels fall, the last being 0."""

    @final
    @torch.inference_mode()
    def sample(self, reading: Denoiser, noise: Noise, condition: Condition, *, rows: int) -> Float[Tensor, " B *shape"]:
        """Return one sample a row of noise."""

        def drawn(places: Tensor) -> Tensor:
            return self._drawn(reading, noise[places], condition[places])

        return by_rows(drawn, len(noise), rows=rows, device=str(noise.samples.device))

    def _drawn(self, reading: Denoiser, noise: Noise, condition: Condition) -> Tensor:
        def denoise(x: Tensor, sigma: float) -> Tensor:
            return reading.denoise(x, torch.full((len(x),), sigma, dtype=x.dtype, device=x.device), condition)

        sigmas = [*self.levels.tolist(), 0.0]
        x = sigmas[0] * noise.normal("start", 0, math.prod(reading.shape)).view(-1, *reading.shape)
        return self.solve(denoise, x, sigmas, noise)


@final
@dataclass(frozen=True, kw_only=True)
class Euler(DenoiseSampler):
    """Follows the flow by Euler's method, which is DDIM without noise: first order, one call a step."""

    steps: int = 50

    def solve(
        self, denoise: Denoise, x: Float[Tensor, " B *shape"], sigmas: Sequence[float], noise: Noise
    ) -> Float[Tensor, " B *shape"]:
        """Return where the flow ends."""
        for sigma, following in pairwise(sigmas):
            x = _towards(denoise(x, sigma), x, following / sigma)
        return x


@final
@dataclass(frozen=True, kw_only=True)
class Heun(DenoiseSampler):
    """Follows the flow by Heun's method: second order, two calls a step but for the last one.

    churn:       how much noise is put back and removed again on the way, which mends errors; 0 for none
    churn_min:   the lowest level at which that is done
    churn_max:   the highest
    churn_noise: the deviation of such noise; a little above 1 makes up for a network that removes too much

    Source: Karras et al. (2022), arXiv:2206.00364, algorithm 2.
    """

    steps: int = 18
    churn: float = 0.0
    churn_min: float = 0.05
    churn_max: float = 50.0
    churn_noise: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (0 <= self.churn < math.inf and 0 <= self.churn_noise < math.inf):
            raise OptionError(
                f"churn and churn_noise are 0 or more; got {self.churn} and {self.churn_noise}. For none: churn=0."
            )
        if not 0 <= self.churn_min <= self.churn_max:
            raise OptionError(
                "noise is put back from a level churn_min of 0 or more to a higher churn_max; "
                f"got {self.churn_min} and {self.churn_max}. The usual are 0.05 and 50."
            )

    def solve(
        self, denoise: Denoise, x: Float[Tensor, " B *shape"], sigmas: Sequence[float], noise: Noise
    ) -> Float[Tensor, " B *shape"]:
        """Return where the flow ends."""
        for step, (sigma, following) in enumerate(pairwise(sigmas)):
            raised = sigma * (1 + self._share(sigma, len(sigmas) - 1))
            if raised > sigma:
                x = x + self.churn_noise * math.sqrt(raised**2 - sigma**2) * _normal(noise, step, x)
            x = self._stepped(denoise, x, raised, following)
        return x

    def _share(self, sigma: float, steps: int) -> float:
        """Return how much the noise is raised before a step, as a share of its level."""
        inside = self.churn_min <= sigma <= self.churn_max
        return min(self.churn / steps, math.sqrt(2) - 1) if inside else 0.0

    def _stepped(self, denoise: Denoise, x: Tensor, sigma: float, following: float) -> Tensor:
        clean = denoise(x, sigma)
        ahead = _towards(clean, x, following / sigma)
        if not following:
            return ahead
        slopes = (x - clean) / sigma, (ahead - denoise(ahead, following)) / following
        return x + (following - sigma) / 2 * (slopes[0] + slopes[1])


@final
@dataclass(frozen=True, kw_only=True)
class DPMSolver(DenoiseSampler):
    """Follows the flow by DPM-Solver++(2M): second order, one call a step.

    What the network makes of x is taken to go on as it did since the step before, in log sigma.

    Source: Lu et al. (2022), arXiv:2211.01095.
    """

    def solve(
        self, denoise: Denoise, x: Float[Tensor, " B *shape"], sigmas: Sequence[float], noise: Noise
    ) -> Float[Tensor, " B *shape"]:
        """Return where the flow ends."""
        before: Tensor | None = None
        for step, (sigma, following) in enumerate(pairwise(sigmas)):
            clean = denoise(x, sigma)
            ahead = clean
            if before is not None and following:
                ahead = _continued(clean, before, sigmas[step - 1 : step + 2])
            x = _towards(ahead, x, following / sigma)
            before = clean
        return x


@final
@dataclass(frozen=True, kw_only=True)
class UniPC(DenoiseSampler):
    """Follows the flow by UniPC-2: DPM-Solver++(2M), each step of it corrected by the next call; one call a step.

    Source: Zhao et al. (2023), arXiv:2302.04867, the multistep form with B(h) = exp(h) - 1.
    """

    steps: int = 10

    def solve(
        self, denoise: Denoise, x: Float[Tensor, " B *shape"], sigmas: Sequence[float], noise: Noise
    ) -> Float[Tensor, " B *shape"]:
        """Return where the flow ends."""
        before: Tensor | None = None
        clean = denoise(x, sigmas[0])
        for step, (sigma, following) in enumerate(pairwise(sigmas[:-1])):
            last = sigmas[max(step - 1, 0) : step + 2]
            predicted = clean if before is None else _continued(clean, before, last)
            ahead = denoise(_towards(predicted, x, following / sigma), following)
            x = following / sigma * x + _corrected(clean, ahead, before, last)
            before, clean = clean, ahead
        return clean


@final
@dataclass(frozen=True, kw_only=True)
class DDIM(DenoiseSampler):
    """Goes to each level with a chosen share of noise drawn anew.

    eta: that share: 0 follows the flow, as Euler's method does; 1 is DDPM

    Source: Song, Meng and Ermon (2020), arXiv:2010.02502.
    """

    steps: int = 50
    eta: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.eta <= 1:
            raise OptionError(f"eta is from 0 to 1; got {self.eta}. For no noise: eta=0.")

    def solve(
        self, denoise: Denoise, x: Float[Tensor, " B *shape"], sigmas: Sequence[float], noise: Noise
    ) -> Float[Tensor, " B *shape"]:
        """Return the samples at the end of the process."""
        return _ancestral(denoise, x, sigmas, noise, eta=self.eta)


@final
@dataclass(frozen=True, kw_only=True)
class DDPM(DenoiseSampler):
    """Goes to each level by a draw from it given this one and the expected clean sample (ancestral sampling).

    Source: Ho, Jain and Abbeel (2020), arXiv:2006.11239, with the smaller of its two variances.
    """

    steps: int = 250

    def solve(
        self, denoise: Denoise, x: Float[Tensor, " B *shape"], sigmas: Sequence[float], noise: Noise
    ) -> Float[Tensor, " B *shape"]:
        """Return the samples at the end of the process."""
        return _ancestral(denoise, x, sigmas, noise, eta=1.0)


@final
@dataclass(frozen=True, kw_only=True)
class Consistency(DenoiseSampler):
    """Takes each call's result for the sample, and goes on from it with fresh noise of the next level.

    For models that were trained to give a whole sample in one call; of others it draws blurred ones.

    Source: Song et al. (2023), arXiv:2303.01469, algorithm 1.
    """

    steps: int = 2
    sigma_min: float = 0.8

    def solve(
        self, denoise: Denoise, x: Float[Tensor, " B *shape"], sigmas: Sequence[float], noise: Noise
    ) -> Float[Tensor, " B *shape"]:
        """Return what the last call gives."""
        clean = denoise(x, sigmas[0])
        for step, sigma in enumerate(sigmas[1:-1]):
            clean = denoise(clean + sigma * _normal(noise, step, clean), sigma)
        return clean


def _fall(sampler: DenoiseSampler) -> bool:
    """Return whether the levels are numbers above 0, finite in the precision of samples, each below the one before."""
    try:
        levels = sampler.levels
    except (OverflowError, RuntimeError):
        return False
    return bool(levels.float().isfinite().all() and (levels > 0).all() and (levels.diff() < 0).all())


def _towards(clean: Tensor, x: Tensor, share: float) -> Tensor:
    """Return x moved straight to the clean sample until this share of the way is left."""
    return clean + share * (x - clean)


def _normal(noise: Noise, step: int, like: Tensor) -> Tensor:
    return noise.normal("step", step, like[0].numel()).view_as(like)


def _ancestral(denoise: Denoise, x: Tensor, sigmas: Sequence[float], noise: Noise, *, eta: float) -> Tensor:
    for step, (sigma, following) in enumerate(pairwise(sigmas)):
        fresh = eta * following * math.sqrt(1 - (following / sigma) ** 2)
        kept = math.sqrt(following**2 - fresh**2)
        x = _towards(denoise(x, sigma), x, kept / sigma)
        if fresh:
            x = x + fresh * _normal(noise, step, x)
    return x


def _continued(clean: Tensor, before: Tensor, sigmas: Sequence[float]) -> Tensor:
    """Return the clean sample half a step ahead of the second of three levels; `before` is that of the first."""
    first, second, third = sigmas
    return clean + math.log(second / third) / math.log(first / second) / 2 * (clean - before)


def _corrected(clean: Tensor, ahead: Tensor, before: Tensor | None, sigmas: Sequence[float]) -> Tensor:
    """Return what clean samples add to x over a step, from those at both its ends and at the level before it.

    That is the integral of exp(u - h) D(u) for u from 0 to h, the length of the step in log sigma, where D is the
    polynomial through them. Without a level before, D is taken to be half way between both ends.
    """
    *earlier, sigma, following = sigmas
    h = math.log(sigma / following)
    whole = -math.expm1(-h)
    change = ahead - clean
    if before is None:
        return whole * (clean + change / 2)
    # D = clean + linear y + square y^2, where y is 0 and 1 at the ends of the step, and `place` at the level before.
    place = -math.log(earlier[0] / sigma) / h
    square = (before - clean - place * change) / (place**2 - place)
    once = 1 - whole / h
    twice = 1 - 2 * once / h
    return whole * clean + once * (change - square) + twice * square
