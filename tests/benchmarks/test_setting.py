from __future__ import annotations

from pathlib import Path

from benchmarks.setting import Setting


def test_a_quick_run_takes_the_smaller_size() -> None:
    sizes = [Setting(model="m", quick=quick, samples=1, scratch=Path()).scaled(100, 5) for quick in (False, True)]
    assert sizes == [100, 5]
