"""Drawing by the two-step Adams-Bashforth method."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import final

from jaxtyping import Float
from torch import Tensor

from genwright.samplers.denoise import Denoise, DenoiseSampler
from genwright.seeds import Noise

__all__ = ["AdamsBashforth"]


@final
@dataclass(frozen=True, kw_only=True)
class AdamsBashforth(DenoiseSampler):
    """Follows the flow by the two-step Adams-Bashforth method: second order, one call a step.

    The slope dx/dsigma is taken to go on as it did since the step before. The first step, which has none before it, and
    the last one, to no noise, are Euler's.

    Sources: Bashforth and Adams (1883); Liu et al. (2022), arXiv:2202.09778, for its use in diffusion models. Here the
    steps may differ in length.
    """

    def solve(
        self, denoise: Denoise, x: Float[Tensor, " B *shape"], sigmas: Sequence[float], noise: Noise
    ) -> Float[Tensor, " B *shape"]:
        """Return where the flow ends."""
        before: tuple[Tensor, float] | None = None
        for sigma, following in pairwise(sigmas):
            clean = denoise(x, sigma)
            if not following:
                return clean
            slope, step = (x - clean) / sigma, following - sigma
            change = slope
            if before is not None:
                earlier, length = before
                change = slope + step / length / 2 * (slope - earlier)
            x, before = x + step * change, (slope, step)
        return x
