from __future__ import annotations

from pathlib import Path

from benchmarks.setting import Setting


def test_a_quick_run_takes_the_smaller_size() -> None:
    sizes = [Setting(model="m", quick=quick, samples=1, scratch=Path()).scaled(100, 5) for quick in (False, True)]
    assert sizes == [100, 5]


def test_a_smoke_run_takes_a_hundredth_of_it_and_two_at_least() -> None:
    setting = Setting(model="m", quick=True, smoke=True, samples=1, scratch=Path())
    assert [setting.scaled(10_000, 500), setting.scaled(100, 5)] == [5, 2]
