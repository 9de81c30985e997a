from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genwright_audio.clip import Clip, stepped

Tones = Callable[..., list[Clip]]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GENWRIGHT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="session")
def tones() -> Tones:
    """Make tones in noise, each of another height and length: tones(4, rate=8000, seed=1, digit="3")."""

    def make(count: int, *, rate: int = 8_000, seed: int = 0, **facts: str) -> list[Clip]:
        draws = np.random.default_rng(seed)
        made = []
        for _ in range(count):
            time = np.arange(int(rate * draws.uniform(0.1, 0.3))) / rate
            wave = 0.5 * np.sin(2 * np.pi * draws.uniform(200, 2_000) * time) + 0.01 * draws.normal(size=len(time))
            made.append(Clip(wave=stepped(wave), rate=rate, facts=facts))
        return made

    return make


@pytest.fixture
def full_at_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the disk be full when the losses of a training are written."""
    write = Path.write_text

    def full(path: Path, *given: Any, **more: Any) -> int:
        if path.name == "training.log":
            raise OSError(28, "No space left on device")
        return write(path, *given, **more)

    monkeypatch.setattr(Path, "write_text", full)
