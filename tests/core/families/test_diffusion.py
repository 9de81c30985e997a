from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import nn

from genwright.errors import OptionError
from genwright.families.diffusion import Diffusion
from genwright.seeds import Noise
from genwright.space import ConditionSpace, Continuous

SPACE = Continuous(shape=(2,), axes=("D",))


def diffusion(**options: Any) -> Diffusion:
    return Diffusion(space=SPACE, conditions=ConditionSpace(), build=lambda part, **given: nn.Identity(), **options)


def test_levels_have_a_normal_logarithm() -> None:
    levels = diffusion(level_mean=-0.5, level_deviation=2.0).log_levels(Noise(0, torch.arange(10_000)))
    assert float(levels.mean()) == pytest.approx(-0.5, abs=0.06)
    assert float(levels.std()) == pytest.approx(2.0, abs=0.05)


def test_what_the_network_gives_is_chosen() -> None:
    assert diffusion().preconditioning.prediction == "edm"
    assert diffusion(prediction="v", sigma_data=1.0).preconditioning.prediction == "v"


@pytest.mark.parametrize("options", [{"level_deviation": 0.0}, {"level_mean": math.inf}])
def test_levels_out_of_range_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(
        OptionError, match=r"deviation above 0, .* within 40 of 0; got a mean of .* The usual are -1\.2 and 1\.2"
    ):
        diffusion(**options)
