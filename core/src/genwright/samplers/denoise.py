"""Drawing by removing noise, level by level.

Each sampler is one way to follow dx/dsigma = (x - D(x; sigma)) / sigma from noise down to a sample, or a random process
with the same distribution at every level. All start from the same noise, so that what they draw can be compared.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, Literal, final

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from genwright.captured import Captured
from genwright.errors import OptionError
from genwright.kernels.philox_normal.spec import philox_normal
from genwright.kernels.sampler_step.coefficients import Coefficients, ahead, ancestral, anew, dpm_solver, euler, heun
from genwright.kernels.sampler_step.spec import sampler_step
from genwright.readings import Condition, Denoiser
from genwright.rows import by_rows
from genwright.sampler import Sampler
from genwright.samplers.asking import Answer, Asking
from genwright.samplers.schedules import SCHEDULES
from genwright.seeds import Noise

__all__ = ["DDIM", "DDPM", "Consistency", "DPMSolver", "Denoise", "DenoiseSampler", "Euler", "Heun", "Tabled", "UniPC"]

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

        # All calls are alike, so from the second on they are one launch each. For one alone that would not pay: there
        # the network's calls may be (`genwright.launched`).
        call = Captured(drawn, what="the removal of noise") if len(noise) > rows else drawn
        return by_rows(call, len(noise), rows=rows, device=str(noise.samples.device))

    def _drawn(self, reading: Denoiser, noise: Noise, condition: Condition) -> Tensor:
        sigmas = [*self.levels.tolist(), 0.0]
        start = philox_normal(noise.seed, "start", noise.samples, 0, math.prod(reading.shape))
        x = sigmas[0] * start.view(-1, *reading.shape)
        return self.solve(Asking(reading, condition), x, sigmas, noise)


class Tabled(DenoiseSampler):
    """One whose steps are all of the form of the operation `sampler_step`, with numbers from a table."""

    @abstractmethod
    def table(self, sigmas: Sequence[float], *, guidance: float, dtype: torch.dtype) -> Coefficients:
        """Return the numbers of all steps down these levels."""

    @final
    def _table(self, denoise: Denoise, x: Tensor, sigmas: Sequence[float]) -> Coefficients:
        """Return the table for such samples: the same one each time, as it may not move while a graph reads it."""
        guidance = denoise.guidance if isinstance(denoise, Asking) else 1.0
        dtype = torch.promote_types(x.dtype, torch.float32)
        key = (*sigmas, guidance, dtype, x.device)
        if key not in self._tables:
            with torch.inference_mode(False):
                made = self.table(sigmas, guidance=guidance, dtype=dtype)
                self._tables[key] = made.to(x.device, non_blocking=True)
        return self._tables[key]

    @cached_property
    def _tables(self) -> dict[tuple[Any, ...], Coefficients]:
        return {}


@final
@dataclass(frozen=True, kw_only=True)
class Euler(Tabled):
    """Follows the flow by Euler's method, which is DDIM without noise: first order, one call a step."""

    steps: int = 50

    def table(self, sigmas: Sequence[float], *, guidance: float, dtype: torch.dtype) -> Coefficients:
        """Return the numbers of all steps down these levels."""
        return euler(sigmas, guidance=guidance, dtype=dtype)

    def solve(
        self, denoise: Denoise, x: Float[Tensor, " B *shape"], sigmas: Sequence[float], noise: Noise
    ) -> Float[Tensor, " B *shape"]:
        """Return where the flow ends."""
        table = self._table(denoise, x, sigmas)
        for row, sigma in enumerate(sigmas[:-1]):
            x, _ = _stepped(denoise, x, sigma, table, row)
        return x


@final
@dataclass(frozen=True, kw_only=True)
class Heun(Tabled):
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

    def table(self, sigmas: Sequence[float], *, guidance: float, dtype: torch.dtype) -> Coefficients:
        """Return the numbers of all calls of the network down these levels."""
        raised, scale = self._raised(sigmas), self.churn_noise
        return heun(sigmas, raised=raised, churn_noise=scale, guidance=guidance, dtype=dtype)

    def solve(
        self, denoise: Denoise, x: Float[Tensor, " B *shape"], sigmas: Sequence[float], noise: Noise
    ) -> Float[Tensor, " B *shape"]:
        """Return where the flow ends."""
        table, raised = self._table(denoise, x, sigmas), self._raised(sigmas)
        if raised[0] > sigmas[0]:
            x = x + self.churn_noise * math.sqrt(raised[0] ** 2 - sigmas[0] ** 2) * _normal(noise, 0, x)
        for step, following in enumerate(sigmas[1:-1]):
            ahead, clean = _stepped(denoise, x, raised[step], table, 2 * step, keep=True)
            drawn = noise if raised[step + 1] > following else None
            correction = {"before": clean, "corrects": True, "noise": drawn, "draw": step + 1}
            x, _ = _stepped(denoise, x, following, table, 2 * step + 1, ahead=ahead, **correction)
        return _stepped(denoise, x, raised[-1], table, len(table) - 1)[0]

    def _raised(self, sigmas: Sequence[float]) -> list[float]:
        """Return the level that each step begins at, its noise having been put back."""
        return [sigma * (1 + self._share(sigma, len(sigmas) - 1)) for sigma in sigmas[:-1]]

    def _share(self, sigma: float, steps: int) -> float:
        """Return how much the noise is raised before a step, as a share of its level."""
        inside = self.churn_min <= sigma <= self.churn_max
        return min(self.churn / steps, math.sqrt(2) - 1) if inside else 0.0


@final
@dataclass(frozen=True, kw_only=True)
class DPMSolver(Tabled):
    """Follows the flow by DPM-Solver++(2M): second order, one call a step.

    What the network makes of x is taken to go on as it did since the step before, in log sigma.

    Source: Lu et al. (2022), arXiv:2211.01095.
    """

    def table(self, sigmas: Sequence[float], *, guidance: float, dtype: torch.dtype) -> Coefficients:
        """Return the numbers of all steps down these levels."""
        return dpm_solver(sigmas, guidance=guidance, dtype=dtype)

    def solve(
        self, denoise: Denoise, x: Float[Tensor, " B *shape"], sigmas: Sequence[float], noise: Noise
    ) -> Float[Tensor, " B *shape"]:
        """Return where the flow ends."""
        table, before = self._table(denoise, x, sigmas), None
        for row, (sigma, following) in enumerate(pairwise(sigmas)):
            x, before = _stepped(denoise, x, sigma, table, row, before=before if following else None, keep=True)
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
            predicted = clean if before is None else clean + ahead(*last) * (clean - before)
            there = denoise(_towards(predicted, x, following / sigma), following)
            x = following / sigma * x + _corrected(clean, there, before, last)
            before, clean = clean, there
        return clean


class _Ancestral(Tabled):
    """Goes to each level with a share of noise drawn anew."""

    eta: float

    @final
    def table(self, sigmas: Sequence[float], *, guidance: float, dtype: torch.dtype) -> Coefficients:
        """Return the numbers of all steps down these levels."""
        return ancestral(sigmas, eta=self.eta, guidance=guidance, dtype=dtype)

    @final
    def solve(
        self, denoise: Denoise, x: Float[Tensor, " B *shape"], sigmas: Sequence[float], noise: Noise
    ) -> Float[Tensor, " B *shape"]:
        """Return the samples at the end of the process."""
        table = self._table(denoise, x, sigmas)
        for row, (sigma, following) in enumerate(pairwise(sigmas)):
            drawn = noise if anew(sigma, following, self.eta) else None
            x, _ = _stepped(denoise, x, sigma, table, row, noise=drawn, draw=row)
        return x


@final
@dataclass(frozen=True, kw_only=True)
class DDIM(_Ancestral):
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


@final
@dataclass(frozen=True, kw_only=True)
class DDPM(_Ancestral):
    """Goes to each level by a draw from it given this one and the expected clean sample (ancestral sampling).

    Source: Ho, Jain and Abbeel (2020), arXiv:2006.11239, with the smaller of its two variances.
    """

    steps: int = 250
    # No option: all noise is drawn anew.
    eta = 1.0


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


def _stepped(
    denoise: Denoise,
    x: Tensor,
    sigma: float,
    table: Coefficients,
    row: int,
    *,
    ahead: Tensor | None = None,
    **more: Any,
) -> tuple[Tensor, Tensor | None]:
    """Return samples at the level after sigma, and the clean ones that led there if they are kept.

    ahead: the samples that the network is given, if not those that the step began with
    more:  what else the operation takes
    """
    at = x if ahead is None else ahead
    clean, unasked = denoise.answer(at, sigma) if isinstance(denoise, Asking) else Answer(denoise(at, sigma))
    return sampler_step(x, clean, table, row, unasked=unasked, **more)


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
