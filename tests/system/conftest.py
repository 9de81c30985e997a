from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from genwright.cli import main

Capture = pytest.CaptureFixture[str]
Say = Callable[..., tuple[int, str]]


@pytest.fixture
def say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> Say:
    """What calls a command and returns its exit code and what it says on stderr; all it makes is in `tmp_path`."""
    monkeypatch.setenv("GENWRIGHT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GENWRIGHT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("GENWRIGHT_STORE", f"sqlite:///{tmp_path / 'store.sqlite'}")
    monkeypatch.delenv("GENWRIGHT_DATA_MIRROR", raising=False)

    def called(*arguments: object) -> tuple[int, str]:
        code = main([str(argument) for argument in arguments])
        return code, capsys.readouterr().err

    return called
