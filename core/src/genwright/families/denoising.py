"""Learning to remove noise."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import final

from jaxtyping import Float
from torch import Tensor, nn

from genwright.families.bound import lower_bound
from genwright.families.preconditioning import Preconditioned, Preconditioning
from genwright.family import Batch, Family, Phase
from genwright.readings import Condition, Denoiser
from genwright.seeds import Noise
from genwright.space import ConditionSpace, Continuous

__all__ = ["Denoising"]


class Denoising(Family):
    """Learns the expected clean sample from noisy ones, of levels of noise that subclasses choose."""

    def __init__(
        self,
        *,
        space: Continuous,
        conditions: ConditionSpace,
        build: Callable[..., nn.Module],
        preconditioning: Preconditioning,
    ) -> None:
        super().__init__()
        self.space, self.preconditioning = space, preconditioning
        self.network = build("network", space=space, conditions=conditions)

    @abstractmethod
    def log_levels(self, noise: Noise) -> Float[Tensor, " B"]:
        """Return the logarithm of the level of noise to train each row at."""

    @final
    def phases(self) -> Sequence[Phase]:
        """Return the one loss: the mean square of what the network gets wrong, 1 for one that knows nothing."""
        return (Phase(name="loss", loss=self._loss, parameters=tuple(self.parameters())),)

    @final
    def reading(self) -> Denoiser:
        """Return the model as what it expects of a clean sample, given a noisy one."""
        return Preconditioned(self.network.eval(), self.preconditioning, self.space.shape)

    @final
    def log_likelihood(self, x: Float[Tensor, " B *shape"], condition: Condition, noise: Noise) -> Float[Tensor, " B"]:
        """Return a bound below log p(x) of each row, in nats, estimated at levels of noise drawn from `noise`."""
        return lower_bound(self.reading(), x, condition, noise, step=self.space.step)

    def _loss(self, batch: Batch) -> Tensor:
        return self.preconditioning.loss(self.network, batch, self.log_levels(batch.noise).exp())
