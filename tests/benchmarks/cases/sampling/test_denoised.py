from __future__ import annotations

import sys
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from benchmarks.cases.sampling import denoised as module
from benchmarks.setting import Setting

SMOKE = Setting(model="sampling", quick=True, smoke=True, samples=2, scratch=Path())


@pytest.fixture(autouse=True)
def on_a_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "usual_device", lambda: torch.device("cpu"))


def test_without_diffusers_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "diffusers", None)
    rows = list(module.rows(SMOKE))
    assert len(rows) == 3
    assert all(row.value is None and row.note.startswith("diffusers is not installed (") for row in rows)


def test_what_no_time_is_left_for_is_told() -> None:
    rows = list(module.rows(replace(SMOKE, smoke=False, until=0.0)))
    assert [str(row.target or "") for row in rows] == ["≥ 1.4", "≥ 1.4", ""]
    assert {row.note for row in rows} == {"The time allowed had passed."}


@pytest.mark.skipif(not find_spec("diffusers"), reason="diffusers is a peer of the benchmarks, and not installed")
@pytest.mark.filterwarnings("default")
def test_ours_draws_beside_diffusers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "peer", partial(module.peer, channels=(32, 32)))
    rows = list(module.rows(SMOKE))
    assert [row.unit for row in rows] == ["/CPU-s", "times"] * 3
    assert all(row.value and row.value > 0 for row in rows)
