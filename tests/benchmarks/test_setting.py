from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.setting import Setting


def test_a_quick_run_takes_the_smaller_size() -> None:
    sizes = [Setting(model="m", quick=quick, samples=1, scratch=Path()).scaled(100, 5) for quick in (False, True)]
    assert sizes == [100, 5]


def test_a_smoke_run_takes_a_hundredth_of_it_and_two_at_least() -> None:
    setting = Setting(model="m", quick=True, smoke=True, samples=1, scratch=Path())
    assert [setting.scaled(10_000, 500), setting.scaled(100, 5)] == [5, 2]


def test_a_section_knows_how_long_it_may_take(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "monotonic", lambda: 100.0)
    setting = Setting(model="kernels", quick=False, samples=2, scratch=Path())
    assert not setting.is_late
    assert setting.within(5.0) == 5.0
    assert not replace(setting, until=103.0).is_late
    assert replace(setting, until=103.0).within(5.0) == 3.0
    assert replace(setting, until=100.0).is_late
    assert replace(setting, until=90.0).within(5.0) == 0.0
