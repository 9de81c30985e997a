from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.cases.orders import errors, order, rows
from benchmarks.setting import Setting
from genwright.samplers.denoise import Euler


def test_the_order_is_the_power_of_the_number_of_steps_that_errors_fall_with() -> None:
    steps = [10, 20, 40]
    assert order([3.0 * n**-2 for n in steps], steps) == pytest.approx(2)
    assert order([0.1, 0.1, 0.1], steps) == pytest.approx(0)


def test_more_levels_come_nearer() -> None:
    few, many = errors(Euler(), [8, 64])
    assert many < few / 4


def test_every_sampler_is_told_beside_what_its_paper_claims(tmp_path: Path) -> None:
    found = list(rows(Setting(model="", quick=True, samples=1, scratch=tmp_path)))
    assert {row.name.partition(":")[0] for row in found} == {"euler", "ddim", "heun", "dpm-solver++", "unipc"}
    assert {row.verdict for row in found} == {"pass"}
    assert all(row.peers for row in found)
