from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from benchmarks.cases import modes
from benchmarks.row import Row
from benchmarks.setting import Setting
from genwright.seeds import Noise
from genwright.testing.gaussians import eight_gaussians

DATA = eight_gaussians()


def test_the_data_themselves_are_good_and_whole() -> None:
    share, found = modes.measured(DATA.drawn(Noise(0, torch.arange(2_000))))
    assert share > 0.995
    assert found == 8


def test_a_mode_that_is_left_out_is_missed_and_what_lies_between_is_not_good() -> None:
    x = DATA.drawn(Noise(0, torch.arange(2_000)))
    nearest = torch.cdist(x, DATA.means).argmin(1)
    assert modes.measured(x[nearest != 3])[1] == 7
    middle = (DATA.means[:1] + DATA.means[1:2]) / 2
    assert modes.measured(middle.expand(10, 2)) == (0.0, 0)


def test_places_come_back_from_their_tokens_but_for_less_than_a_level() -> None:
    noise = Noise(1, torch.arange(500))
    x = DATA.drawn(noise)
    again = modes._decoded(modes._encoded(x, modes._GRID), modes._GRID, noise)
    assert float((x - again).abs().max()) <= 2 * 2.0 / 128
    assert modes.measured(again)[0] > 0.99


@pytest.fixture
def shortened(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Row]:
    kept = {name: modes._TOYS[name] for name in ("flow", "consistency", "autoregressive")}
    monkeypatch.setattr(modes, "_TOYS", {name: replace(toy, steps=30) for name, toy in kept.items()})
    return list(modes.rows(Setting(model="", quick=True, samples=1, scratch=tmp_path)))


def test_each_family_is_told_beside_the_data(shortened: list[Row]) -> None:
    assert [row.name.partition(":")[0] for row in shortened] == [
        name for name in ("flow", "consistency", "autoregressive") for _ in range(2)
    ]
    assert all("the data" in row.peers for row in shortened)
    assert "tokens of 128 levels" in shortened[4].note
