"""The numbers of all steps."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch

from genwright.kernels.sampler_step.coefficients import COLUMNS, Row, ancestral, dpm_solver, euler, heun

SIGMAS = [8.0, 4.0, 1.0, 0.0]


def rows(table: torch.Tensor) -> list[Row]:
    return [Row(*numbers) for numbers in table.tolist()]


def test_a_table_has_a_row_a_call_and_ends_at_the_clean_sample() -> None:
    for table, calls in (
        (euler(SIGMAS), 3),
        (ancestral(SIGMAS, eta=1.0), 3),
        (dpm_solver(SIGMAS), 3),
        (heun(SIGMAS), 5),
    ):
        assert table.shape == (calls, COLUMNS)
        last = rows(table)[-1]
        assert (last.share, last.fresh, last.ahead) == (0, 0, 0)


def test_guidance_is_in_every_row() -> None:
    for table in (
        euler(SIGMAS, guidance=3.0),
        ancestral(SIGMAS, eta=1.0, guidance=3.0),
        dpm_solver(SIGMAS, guidance=3.0),
        heun(SIGMAS, guidance=3.0),
    ):
        assert {row.guidance for row in rows(table)} == {3.0}


def test_ancestral_noise_and_what_is_kept_make_up_the_next_level() -> None:
    for row, (sigma, following) in zip(rows(ancestral(SIGMAS, eta=0.7)), pairwise(SIGMAS), strict=True):
        assert math.hypot(row.share * sigma, row.fresh) == pytest.approx(following)


def test_dpm_solver_goes_on_as_before_only_between_its_ends() -> None:
    first, second, third = rows(dpm_solver(SIGMAS))
    assert (first.ahead, third.ahead) == (0, 0)
    assert second.ahead == pytest.approx(math.log(4) / math.log(2) / 2)


def test_heun_corrects_over_the_step_from_the_level_raised_and_puts_back_noise_for_the_next() -> None:
    plain, churned = rows(heun(SIGMAS)), rows(heun(SIGMAS, raised=[8.0, 5.0, 1.0], churn_noise=2.0))
    assert [row.fresh for row in plain] == [0] * 5
    assert (churned[1].fresh, churned[3].fresh) == (pytest.approx(2 * 3.0), 0)
    assert (churned[3].half, churned[3].sigma, churned[3].following) == (-2.0, 5.0, 1.0)
    assert churned[2].share == pytest.approx(1 / 5)
