from __future__ import annotations

import pytest
import torch
from torch import Tensor

from genwright.families.contests import Contest, NonSaturating, Relativistic

FAKE, REAL = torch.tensor([0.3, -1.0, 2.0]), torch.tensor([0.5, 1.5, -0.2])


def softplus(x: Tensor) -> Tensor:
    return (1 + x.exp()).log()


@pytest.mark.parametrize(
    ("contest", "drawing", "judging"),
    [
        (Relativistic(), softplus(REAL - FAKE), softplus(FAKE - REAL)),
        (NonSaturating(), softplus(-FAKE), softplus(FAKE) + softplus(-REAL)),
    ],
)
def test_the_losses_are_the_published_ones(contest: Contest, drawing: Tensor, judging: Tensor) -> None:
    assert torch.allclose(contest.drawing(FAKE, lambda: REAL), drawing)
    assert torch.allclose(contest.judging(FAKE, REAL), judging)


def test_the_generator_asks_for_no_verdict_on_real_examples_that_it_does_not_use() -> None:
    """A call of the critic is a third of a step."""
    NonSaturating().drawing(FAKE, lambda: pytest.fail("it asked"))
