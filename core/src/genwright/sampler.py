"""A procedure that draws samples from any model with a given reading."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Generic, Protocol, TypeVar, runtime_checkable

from torch import Tensor

from genwright.readings import Condition
from genwright.seeds import Noise

__all__ = ["Gradual", "Sampler"]

R = TypeVar("R", contravariant=True)


class Sampler(ABC, Generic[R]):
    """Draws samples through a reading. Options are keyword-only parameters of the constructor.

    Row i of the result may depend on nothing but the reading, row i of the condition and row i of the noise. A row of
    tokens begins with the prefix of its condition.

    unasked: whether it also asks the model for nothing, to compare; a model that has not learned that is refused it
    """

    unasked: bool = False

    def check(self, reading: R) -> None:
        """Raise a UsageError for a reading that it cannot draw from; called before a run is recorded."""

    @abstractmethod
    def sample(self, reading: R, noise: Noise, condition: Condition, *, rows: int) -> Tensor:
        """Return one sample a row of noise, [B, *shape].

        rows: how many rows the network is to be given at once, always exactly that many
        """


@runtime_checkable
class Gradual(Protocol[R]):
    """A sampler that can draw one sample bit by bit."""

    def blocks(self, reading: R, noise: Noise, condition: Condition, *, size: int) -> Iterator[Tensor]:
        """Yield the tokens of one sample, `size` at a time: those that `sample` draws with rows=1."""
