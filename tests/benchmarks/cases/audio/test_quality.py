from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks import shipped
from benchmarks.cases.audio import quality
from benchmarks.row import Row
from benchmarks.setting import Setting
from genwright.metrics import Value
from genwright_audio.classifier import Classifier
from tests.plugins.audio.words import words

SPEAKERS = ("high", "low")


@pytest.fixture
def measured(setting: Setting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What returns the rows, by name, for clips that a model might have drawn; there is no network to wait for."""

    def drawn(model: str, count: int, *, seed: int, where: dict[str, str], store: bool) -> SimpleNamespace:
        made = words(4 * count, seed=100 + seed)
        return SimpleNamespace(items=[clip for clip in made if clip.facts.items() >= where.items()][:count])

    monkeypatch.setattr(Classifier, "steps", 80)
    monkeypatch.setattr("genwright_audio.reference._UNSEEN_STEPS", 10)
    monkeypatch.setattr(quality, "_DIGITS", ("0", "1"))
    monkeypatch.setattr(quality, "generate", drawn)
    monkeypatch.setattr(shipped, "items", lambda name: words(200 if name == "fsdd" else 60, seed=len(name)))
    monkeypatch.setenv("GENWRIGHT_CACHE", str(tmp_path / "cache"))

    def found(**changes: Any) -> dict[str, Row]:
        return {row.name: row for row in quality.rows(SimpleNamespace(**{**vars(setting), **changes}, scaled=scaled))}  # type: ignore[arg-type]

    def scaled(full: int, quick: int) -> int:
        return 40

    return found


def test_each_metric_has_a_row_beside_recordings(measured: Any) -> None:
    found = measured(quick=False)
    assert {"digit-agreement", "speaker-agreement", "kernel-distance", "diversity", "copied"} <= found.keys()
    assert all(row.value is not None for row in found.values())
    distance = found["kernel-distance"]
    assert distance.peers.keys() == {"test recordings", "recordings held out"}
    assert distance.note.startswith("40 samples. The target is three ")
    agreement = found["digit-agreement"]
    assert agreement.target.low == pytest.approx(0.95 * agreement.peers["test recordings"], abs=1e-4)
    assert agreement.verdict == "pass"
    assert agreement.note.startswith("40 samples. The classifier's size and steps were chosen on the test recordings")
    assert found["copied"].note == "40 samples."
    assert found["copied"].target.high == 0.027
    assert found["diversity"].peers.keys() == {"test recordings"}


def value(found: float, error: float | None = 2.0) -> Value:
    return Value(value=found, error=error, count=300)


@pytest.mark.parametrize(
    ("held", "test", "high", "said"),
    [
        (value(5.0), value(14.0), 15.0, "three times that of recordings held out."),
        (value(20.0), value(14.0), 42.0, "three times that of test recordings."),
        (value(20.0, None), value(14.0, None), 42.0, "three times that of test recordings."),
        (
            value(-12.76),
            value(14.0),
            42.0,
            "three times that of test recordings. That of recordings held out is -12.8 with an error of 2, which is no "
            "more than chance.",
        ),
        (
            value(1.0),
            value(2.5, 3.25),
            9.75,
            "three standard errors of test recordings. That of test recordings is 2.5 with an error of 3.2, which is "
            "no more than chance. That of recordings held out is 1 with an error of 2, which is no more than chance.",
        ),
    ],
)
def test_the_distance_wanted_is_three_times_the_least_of_recordings_that_is_not_chance(
    held: Value, test: Value, high: float, said: str
) -> None:
    target, source = quality._target("kernel-distance", {"test recordings": test, "recordings held out": held})
    assert target is not None
    assert target.high == high
    assert source == f" The target is {said}"


def test_a_quick_run_has_no_targets(measured: Any) -> None:
    assert {row.target for row in measured(quick=True).values()} == {None}


def test_as_many_are_asked_of_each_digit_and_speaker(setting: Setting, measured: Any) -> None:
    clips = quality.asked(SimpleNamespace(**vars(setting), scaled=lambda full, quick: 12), SPEAKERS)  # type: ignore[arg-type]
    said = [(clip.facts["digit"], clip.facts["speaker"]) for clip in clips]
    assert [said.count(pair) for pair in sorted(set(said))] == [3, 3, 3, 3]


def test_data_that_are_not_there_are_told(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise shipped.Missing(f"data set {name!r} is not on this machine.")

    monkeypatch.setattr(shipped, "items", missing)
    (row,) = quality.rows(setting)
    assert row.value is None
    assert row.note == "data set 'fsdd' is not on this machine."
