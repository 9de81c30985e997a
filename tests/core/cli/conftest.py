"""What the tests of commands share: a place of their own for stores, models and caches."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which commands keep what they make, in place of the user's."""
    monkeypatch.setenv("GENWRIGHT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GENWRIGHT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("GENWRIGHT_STORE", f"sqlite:///{tmp_path / 'store.sqlite'}")
    return tmp_path / "home"
