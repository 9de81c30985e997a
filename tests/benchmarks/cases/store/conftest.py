"""Settings of a store of so few rows that a section takes seconds."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.setting import Setting


@pytest.fixture
def setting(tmp_path: Path) -> Setting:
    """A smoke run's setting, of eight rows."""
    return Setting(model="store", quick=True, smoke=True, samples=2, rows=8, scratch=tmp_path)
