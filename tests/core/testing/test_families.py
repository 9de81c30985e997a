from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor, nn

from genwright.backbones.transformer import Transformer
from genwright.families.autoregressive import Autoregressive
from genwright.family import Batch, Family, Phase
from genwright.readings import Reading
from genwright.registry import discover
from genwright.seeds import seeded_torch
from genwright.space import ConditionSpace
from genwright.testing.families import check_family
from genwright.testing.readings import Linear
from genwright.testing.toys import ROUNDS, Letters

SPECS = {spec.name: spec for spec in discover(only=[]).specs("family")}


def rounds() -> tuple[Letters, Tensor]:
    encoder = Letters()
    encoder.fit(ROUNDS)
    return encoder, encoder.encode(ROUNDS)


def autoregressive() -> Family:
    def build(part: str, **given: object) -> nn.Module:
        return Transformer(**given, width=16, depth=1, heads=2)  # type: ignore[arg-type]

    with seeded_torch(0):
        return Autoregressive(space=rounds()[0].space, conditions=ConditionSpace(), build=build)


def test_a_family_that_keeps_the_contract_has_no_troubles() -> None:
    found = check_family(autoregressive, SPECS["autoregressive"], rounds()[1])
    assert [check for check in found if check.trouble] == []


class Broken(Family):
    """A line through the origin, with one thing wrong."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how, self.times, self.slope = how, 0, nn.Parameter(torch.ones(1))
        self.idle = nn.Parameter(torch.ones(1)) if how == "idle" else None

    def phases(self) -> Sequence[Phase]:
        return (Phase(name="loss", loss=self._loss, parameters=(self.slope,)),)

    def reading(self) -> Reading:
        return Linear(matrix=torch.ones(1, 1)) if self.how != "reading" else None  # type: ignore[return-value]

    def _loss(self, batch: Batch) -> Tensor:
        self.times += 1
        loss = (self.slope * batch.x - (self.times if self.how == "memory" else 1)).square()
        return loss.sum() if self.how == "sum" else loss.mean() / (0 if self.how == "finite" else 1)


@pytest.mark.parametrize(
    ("how", "trouble"),
    [
        ("sum", "and the mean of those of its halves"),
        ("finite", "the loss 'loss' is inf"),
        ("idle", "idle is moved in no phase"),
        ("reading", "it is read as decoder; got None"),
        ("memory", "after 4 steps, slope differs where training was resumed after 2. Keep what a loss remembers in"),
    ],
)
def test_a_family_that_breaks_it_is_told_how(how: str, trouble: str) -> None:
    x = torch.tensor([[2.0], [3.0], [4.0], [5.0]])
    found = [check.trouble or "" for check in check_family(lambda: Broken(how), SPECS["gan"], x)]
    assert any(trouble in text for text in found)
    assert not any(check.trouble for check in check_family(lambda: Broken(""), SPECS["gan"], x))


class Network(Family):
    """A matrix, a shift, and a number that is added and taken away again."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how, self.matrix, self.shift = how, nn.Parameter(torch.ones(1, 2)), nn.Parameter(torch.zeros(2))
        self.level = nn.Parameter(torch.ones(1))

    def phases(self) -> Sequence[Phase]:
        return (Phase(name="loss", loss=self._loss, parameters=tuple(self.parameters())),)

    def reading(self) -> Reading:
        return Linear(matrix=torch.ones(1, 1))

    def _loss(self, batch: Batch) -> Tensor:
        matrix = {"detached": self.matrix.detach(), "zeroed": 0 * self.matrix}.get(self.how, self.matrix)
        level = self.level.detach() if self.how == "alone" else self.level
        return (batch.x @ matrix + self.shift + level - level).square().mean()


@pytest.mark.parametrize(("how", "still"), [("detached", "matrix"), ("zeroed", "matrix"), ("alone", "level")])
def test_what_a_loss_leaves_still_is_named(how: str, still: str) -> None:
    """One bias that was moved was enough, whatever became of the rest of the network."""
    x = torch.tensor([[2.0], [3.0], [4.0], [5.0]])
    (found,) = [check for check in check_family(lambda: Network(how), SPECS["gan"], x) if check.trouble]
    assert found.name == "every parameter is moved by its loss, but for single numbers that cancel out"
    assert str(found.trouble).startswith(f"the loss 'loss' does not move {still}. Leave out what has no effect")


def test_a_single_number_may_cancel_out() -> None:
    x = torch.tensor([[2.0], [3.0], [4.0], [5.0]])
    assert not any(check.trouble for check in check_family(lambda: Network(""), SPECS["gan"], x))
