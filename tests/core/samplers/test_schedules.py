from __future__ import annotations

import pytest
import torch

from genwright.samplers.schedules import SCHEDULES, flow, log, rho


@pytest.mark.parametrize("name", SCHEDULES)
def test_levels_fall_from_the_highest_to_the_lowest(name: str) -> None:
    levels = SCHEDULES[name](9, 0.002, 80.0, 7.0)
    assert levels.dtype == torch.float64
    assert levels[[0, -1]].tolist() == pytest.approx([80.0, 0.002], rel=1e-12)
    assert (levels.diff() < 0).all()


@pytest.mark.parametrize("name", SCHEDULES)
def test_one_step_is_at_the_highest_level(name: str) -> None:
    assert SCHEDULES[name](1, 0.002, 80.0, 7.0).tolist() == pytest.approx([80.0], rel=1e-12)


def test_rho_is_the_published_formula() -> None:
    expected = [(80 ** (1 / 7) + i / 17 * (0.002 ** (1 / 7) - 80 ** (1 / 7))) ** 7 for i in range(18)]
    assert rho(18, 0.002, 80.0, 7.0).tolist() == pytest.approx(expected, rel=1e-12)


def test_a_large_power_comes_to_even_logarithms() -> None:
    assert torch.allclose(rho(9, 0.01, 10.0, 1e6), log(9, 0.01, 10.0, 7.0), rtol=1e-4)
    steps = log(9, 0.01, 10.0, 7.0).log().diff()
    assert torch.allclose(steps, steps[0])


def test_flow_is_even_in_the_time_of_the_straight_path() -> None:
    levels = flow(9, 0.01, 10.0, 7.0)
    steps = (levels / (1 + levels)).diff()
    assert torch.allclose(steps, steps[0])
