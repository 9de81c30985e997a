from __future__ import annotations

import sys

import numpy as np
import pytest

from benchmarks import shipped
from benchmarks.cases.audio import vocoder
from benchmarks.setting import Setting
from genwright_audio.clip import Clip

RATES = {"fsdd-test": 8000, "ljspeech32": 22_050}


def spoken(rate: int, pitch: float) -> Clip:
    times = np.arange(rate) / rate
    buzz = sum(np.sin(2 * np.pi * pitch * n * times) / n for n in range(1, 25))
    return Clip(wave=(0.1 * buzz * np.sin(2 * np.pi * times) ** 2).astype(np.float32), rate=rate)


@pytest.fixture
def recordings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have every data set hold forty buzzes of one second."""
    monkeypatch.setattr(shipped, "items", lambda data: [spoken(RATES[data], 100 + place) for place in range(40)])


def test_speed_and_likeness_are_told_of_each_vocoder_and_of_griffin_lim(recordings: None, setting: Setting) -> None:
    pytest.importorskip("pesq")
    found = {row.name: row for row in vocoder.rows(setting)}
    measures = ["seconds of sound a second of one core", "PESQ", "STOI", "log-spectral distance"]
    pairs = [("speech-8k", "fsdd-test"), ("22k", "ljspeech32")]
    names = [f"{each}, {data}: {what}" for name, data in pairs for what in measures for each in (name, "griffin-lim")]
    assert list(found) == names
    assert all(row.value is not None and np.isfinite(row.value) for row in found.values())
    assert found["22k, ljspeech32: PESQ"].peers["griffin-lim"] == found["griffin-lim, ljspeech32: PESQ"].value
    assert [name for name, row in found.items() if row.target] == [names[8]]


def test_digits_are_heard_ten_at_a_time(recordings: None, setting: Setting) -> None:
    pytest.importorskip("pesq")
    row = next(row for row in vocoder.rows(setting) if row.name == "griffin-lim, fsdd-test: STOI")
    assert row.note == "Mean of 2, of 10 recordings each."


def test_what_was_chosen_on_the_recordings_is_told_of_what_ships(recordings: None, setting: Setting) -> None:
    pytest.importorskip("pesq")
    notes = {row.name: row.note for row in vocoder.rows(setting)}
    assert "trained on the first 24 of the 32, and its rounds were chosen on these 8." in notes["22k, ljspeech32: PESQ"]
    assert "were chosen on recordings of this data set." in notes["speech-8k, fsdd-test: STOI"]
    assert not [name for name, note in notes.items() if "chosen" in note and name.startswith("griffin-lim")]


def test_data_that_are_not_here_are_told(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(data: str) -> list[Clip]:
        raise shipped.Missing(f"{data} is elsewhere.")

    monkeypatch.setattr(shipped, "items", missing)
    assert [(row.value, row.note) for row in vocoder.rows(setting)] == [
        (None, "fsdd-test is elsewhere."),
        (None, "ljspeech32 is elsewhere."),
    ]


def test_where_nothing_can_be_heard_speed_alone_is_told(
    recordings: None, setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pesq", None)
    notes = [row.note for row in vocoder.rows(setting) if row.value is None]
    assert notes == ["pesq is not installed."] * 2
