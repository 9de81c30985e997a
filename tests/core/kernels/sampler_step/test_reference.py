"""A step of a sampler by PyTorch, against the samplers of core."""

from __future__ import annotations

import pytest
import torch

from genwright.errors import MismatchError, ShapeError
from genwright.kernels.sampler_step.coefficients import euler
from genwright.kernels.sampler_step.reference import sampler_step
from genwright.seeds import Noise
from tests.core.kernels.sampler_step.trajectories import NOISE, WAYS, denoise, start
from tests.core.samplers import earlier

TABLE = euler([2.0, 1.0, 0.0], guidance=3.0)
X, CLEAN = torch.tensor([[4.0, -2.0]]), torch.tensor([[1.0, 5.0]])


@pytest.mark.parametrize("name", WAYS)
def test_fifty_steps_end_where_the_sampler_of_core_does(name: str) -> None:
    sampler, way = WAYS[name]
    sigmas = [*sampler.levels.tolist(), 0.0]
    expected = earlier.solved(sampler, denoise, start(sigmas[0]), sigmas, NOISE)
    assert torch.equal(way(denoise, start(sigmas[0]), sigmas, NOISE), expected)
    assert expected.std() > 0.1


def test_guidance_comes_before_limits_and_both_before_the_step() -> None:
    moved, kept = sampler_step(X, CLEAN, TABLE, 0, unasked=torch.zeros(1, 2), limits=(-2.0, 8.0), keep=True)
    assert torch.equal(kept, torch.tensor([[3.0, 8.0]]))
    assert torch.equal(moved, (X + kept) / 2)


def test_clean_samples_are_kept_if_that_is_asked() -> None:
    assert sampler_step(X, CLEAN, TABLE, 0)[1] is None
    assert torch.equal(sampler_step(X, CLEAN, TABLE, 0, keep=True)[1], CLEAN)


def test_draws_for_other_samples_are_told() -> None:
    with pytest.raises(ShapeError, match="a row for each of 1 samples; got 2"):
        sampler_step(X, CLEAN, TABLE, 0, noise=Noise(1, torch.arange(2)))


def test_a_step_that_corrects_nothing_is_told() -> None:
    with pytest.raises(MismatchError, match="`before` is None"):
        sampler_step(X, CLEAN, TABLE, 0, corrects=True)
