"""How a generator and a critic are set against each other."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar, final

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

__all__ = ["Contest", "NonSaturating", "Relativistic"]


class Contest(ABC):
    """The two losses of a GAN, in nats, from what the critic says of real and of drawn examples.

    slopes_at_drawn: whether the critic's slope is held down at drawn examples too, and not at real ones alone
    """

    slopes_at_drawn: ClassVar[bool]

    @abstractmethod
    def drawing(self, fake: Float[Tensor, " B"], real: Callable[[], Float[Tensor, " B"]]) -> Float[Tensor, " B"]:
        """Return the generator's loss for each drawn example; the real ones are judged only if that is called."""

    @abstractmethod
    def judging(self, fake: Float[Tensor, " B"], real: Float[Tensor, " B"]) -> Float[Tensor, " B"]:
        """Return the critic's loss for each pair."""


@final
class Relativistic(Contest):
    """Compares each real example with one that is drawn.

    Source: Jolicoeur-Martineau (2019), arXiv:1807.00734.
    """

    slopes_at_drawn = True

    def drawing(self, fake: Float[Tensor, " B"], real: Callable[[], Float[Tensor, " B"]]) -> Float[Tensor, " B"]:
        """Return how far the real one is above the drawn one."""
        return F.softplus(real() - fake)

    def judging(self, fake: Float[Tensor, " B"], real: Float[Tensor, " B"]) -> Float[Tensor, " B"]:
        """Return how far the drawn one is above the real one."""
        return F.softplus(fake - real)


@final
class NonSaturating(Contest):
    """Judges each example alone.

    Source: Goodfellow et al. (2014), arXiv:1406.2661.
    """

    slopes_at_drawn = False

    def drawing(self, fake: Float[Tensor, " B"], real: Callable[[], Float[Tensor, " B"]]) -> Float[Tensor, " B"]:
        """Return the surprise at the drawn one being taken for real."""
        return F.softplus(-fake)

    def judging(self, fake: Float[Tensor, " B"], real: Float[Tensor, " B"]) -> Float[Tensor, " B"]:
        """Return the surprise at the drawn one being taken for drawn, and the real one for real."""
        return F.softplus(fake) + F.softplus(-real)
