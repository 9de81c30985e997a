"""Settings so small that a case takes a second or two."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.setting import Setting


@pytest.fixture
def setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Setting:
    """A setting whose sizes are a hundredth of those of a quick run, and two at least."""
    monkeypatch.setattr(Setting, "scaled", lambda self, full, quick: max(2, quick // 100))
    return Setting(model="molecules", quick=True, samples=12, scratch=tmp_path)
