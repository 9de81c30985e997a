from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.torture.processes import memory


@pytest.fixture(autouse=True)
def _keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys of these stores are made and lost with them."""
    monkeypatch.setenv("GENWRIGHT_KEYS", str(tmp_path / "keys"))


@pytest.fixture
def in_memory() -> Iterator[Path]:
    """A folder on a disk in memory, where one is there: waiting for a disk would show nothing."""
    with tempfile.TemporaryDirectory(dir=memory()) as folder:
        yield Path(folder)
