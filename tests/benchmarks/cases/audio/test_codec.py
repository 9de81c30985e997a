from __future__ import annotations

import sys

import numpy as np
import pytest

from benchmarks import shipped
from benchmarks.cases.audio import codec
from benchmarks.setting import Setting
from genwright_audio.clip import Clip


def spoken(pitch: float, length: int = 2000) -> Clip:
    times = np.arange(length) / 8000
    buzz = sum(np.sin(2 * np.pi * pitch * n * times) / n for n in range(1, 25))
    return Clip(wave=(0.1 * buzz * np.sin(4 * np.pi * times) ** 2).astype(np.float32), rate=8000)


@pytest.fixture
def recordings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the data set hold twenty buzzes of a quarter of a second, but for one that is longer than 99 in 100."""
    lengths = [2000] * 19 + [12_000]
    monkeypatch.setattr(shipped, "items", lambda data: [spoken(100 + n, lengths[n]) for n in range(20)])


def test_speed_and_likeness_are_told_by_codebooks_beside_mel_bands(
    recordings: None, setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pesq")
    monkeypatch.setattr(codec, "_COUNTS", (8, 1))
    found = {row.name: row for row in codec.rows(setting)}
    measures = ["PESQ", "STOI", "log-spectral distance"]
    rates = [(8, "4.0"), (1, "0.5")]
    assert list(found)[2:] == [
        f"speech-8k, fsdd-test, {count} codebooks, {rate} kbit/s: {what}" for count, rate in rates for what in measures
    ]
    assert all(row.value is not None and np.isfinite(row.value) for row in found.values())
    heard = [row for name, row in found.items() if name.endswith("STOI")]
    assert len({row.peers["mel"] for row in heard}) == 1
    assert heard[0].note == "Mean of 2, of 10 recordings each."


def test_data_that_are_not_here_are_told(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(data: str) -> list[Clip]:
        raise shipped.Missing(f"{data} is elsewhere.")

    monkeypatch.setattr(shipped, "items", missing)
    assert [(row.value, row.note) for row in codec.rows(setting)] == [(None, "fsdd-test is elsewhere.")]


def test_where_nothing_can_be_heard_speed_alone_is_told(
    recordings: None, setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pesq", None)
    found = list(codec.rows(setting))
    assert [row.note for row in found if row.value is None] == ["pesq is not installed."]
    assert len(found) == 3
