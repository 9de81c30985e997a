from __future__ import annotations

import torch
from torch import Tensor

from genwright.backbones.level import LevelConditioning
from genwright.readings import Condition
from genwright.space import ConditionSpace

SPACE = ConditionSpace(labels={"colour": ("red", "green")})


def vector(made: LevelConditioning, level: float, label: int = -1) -> Tensor:
    nothing = Condition.none(1, labels=1)
    asked = Condition(scalars=nothing.scalars, labels=torch.tensor([[label]]), prefix=nothing.prefix)
    found: Tensor = made(torch.tensor([level]), asked)
    return found[0]


def test_near_levels_are_told_apart_and_nearer_ones_less() -> None:
    torch.manual_seed(0)
    made = LevelConditioning(SPACE, width=32).requires_grad_(False)
    steps = [float((vector(made, 0.5) - vector(made, 0.5 + by)).norm()) for by in (0.001, 0.01, 0.05)]
    assert 1e-4 < steps[0] < steps[1] < steps[2]


def test_what_is_asked_for_moves_the_vector_at_every_level() -> None:
    torch.manual_seed(0)
    made = LevelConditioning(SPACE, width=32).requires_grad_(False)
    for level in (-1.5, 0.0, 1.0):
        vectors = {tuple(vector(made, level, label).tolist()) for label in (-1, 0, 1)}
        assert len(vectors) == 3
