"""A training objective and the meaning of what was learned."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from jaxtyping import Float
from torch import Tensor, nn

from genwright.errors import MismatchError
from genwright.readings import Condition, Reading
from genwright.recipe import Recipe
from genwright.seeds import Noise

__all__ = ["Batch", "Family", "Phase"]


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Training examples: encoded items, their conditions, and one row of noise each.

    progress: the share of the training that is done, for losses that change on the way; 1 outside of training
    """

    x: Tensor
    condition: Condition
    noise: Noise
    progress: float = 1.0

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, rows: Tensor | slice) -> Batch:
        """Return some of the examples."""
        return replace(self, x=self.x[rows], condition=self.condition[rows], noise=self.noise[rows])


@dataclass(frozen=True, kw_only=True)
class Phase:
    """One loss with the parameters it moves. A GAN has two, every other family one.

    loss:  the mean over a batch's rows, whatever their lengths, so that every example counts the same
    betas: of AdamW, which moves whatever Muon does not
    twice: whether the loss takes the gradient of a gradient, which compiled networks do not give
    """

    name: str
    loss: Callable[[Batch], Tensor]
    parameters: Sequence[nn.Parameter]
    betas: tuple[float, float] = (0.9, 0.98)
    twice: bool = False


class Family(nn.Module, ABC):
    """Networks trained together. Made as Family(space=, conditions=, build=, **options).

    space:      the sample space
    conditions: the ConditionSpace
    build:      makes a network: build("network", space=, conditions=). The family's spec says the role it serves in;
                `Role` says what a network in each role is given and is called with
    """

    @classmethod
    def check_recipe(cls, recipe: Recipe, teacher: Family | None) -> None:
        """Raise RecipeError for a recipe by which it would not learn; called before data are read.

        teacher: the family whose weights training starts from; None for random ones
        """

    @abstractmethod
    def phases(self) -> Sequence[Phase]:
        """Return the losses, in the order in which a training step takes them."""

    def forward(self, phase: int, batch: Batch) -> Tensor:
        """Return the loss of a phase."""
        return self.phases()[phase].loss(batch)

    @abstractmethod
    def reading(self) -> Reading:
        """Return the reading of what was learned, in evaluation mode."""

    def log_likelihood(self, x: Tensor, condition: Condition, noise: Noise) -> Float[Tensor, " B"]:
        """Return log p(x) of each row in nats, or a bound below it, as the family's spec says.

        Where the space is continuous and has a step, of the values within half a step; else a density. `noise` is for
        what can only be estimated.

        Raises MismatchError where the family has no likelihood.
        """
        raise MismatchError(
            f"family {type(self).__name__.lower()!r} learns to draw, and gives no likelihood. "
            "For one, train an autoregressive, diffusion, flow, masked or VAE model of the same data."
        )
