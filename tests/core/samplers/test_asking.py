from __future__ import annotations

from dataclasses import dataclass, field

import pytest
import torch
from torch import Tensor

from genwright.readings import Condition
from genwright.samplers.asking import Answer, Asking

X, NOTHING = torch.tensor([[2.0], [4.0]]), Condition.none(2)


@dataclass
class Once:
    shape: tuple[int, ...] = (1,)
    levels: list[list[float]] = field(default_factory=list)

    def denoise(self, x: Tensor, sigma: Tensor, condition: Condition) -> Tensor:
        self.levels.append(sigma.tolist())
        return x / 2


@dataclass
class Twice(Once):
    scale: float = 3.0

    def both(self, x: Tensor, sigma: Tensor, level: float, condition: Condition) -> Answer:
        assert sigma.tolist() == [level] * len(x)
        return Answer(self.denoise(x, sigma, condition), x if level > 1 else None)


def test_a_network_is_asked_at_one_level_for_all_rows() -> None:
    reading = Once()
    asking = Asking(reading, NOTHING)
    assert torch.equal(asking(X, 0.5), X / 2)
    assert reading.levels == [[0.5, 0.5]]
    assert asking.answer(X, 0.5).unasked is None
    assert asking.guidance == 1.0


@pytest.mark.parametrize(("sigma", "expected"), [(2.0, X + 3 * (X / 2 - X)), (0.5, X / 2)])
def test_of_two_answers_one_is_moved_away_from_the_other_where_both_are_given(sigma: float, expected: Tensor) -> None:
    asking = Asking(Twice(), NOTHING)
    assert asking.guidance == 3.0
    assert torch.equal(asking(X, sigma), expected)
    assert torch.equal(asking.answer(X, sigma).clean, X / 2)
