from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys of these stores are made and lost with them."""
    monkeypatch.setenv("GENWRIGHT_KEYS", str(tmp_path / "keys"))
