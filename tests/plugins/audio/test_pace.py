from __future__ import annotations

import pytest
import torch

from genwright.errors import OptionError, TrainingError
from genwright_audio import pace as module
from genwright_audio.pace import Pace, check_least


def test_all_steps_are_taken_and_a_line_told_of_some(capsys: pytest.CaptureFixture[str]) -> None:
    pace, seen = Pace(steps=5, every=2), []

    def step(number: int, done: float) -> dict[str, torch.Tensor]:
        seen.append((number, done))
        return {"loss": torch.tensor(number / 2, requires_grad=True)}

    pace.run(step)
    assert seen == [(number, number / 5) for number in range(5)]
    assert pace.taken == 5
    assert [line.split("  ")[:2] for line in pace.lines] == [
        ["step 2 of 5", "loss 0.5000"],
        ["step 4 of 5", "loss 1.5000"],
        ["step 5 of 5", "loss 2.0000"],
    ]
    assert capsys.readouterr().out == "".join(pace.lines)


def test_where_time_runs_out_as_many_steps_as_fit_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter(range(100))
    monkeypatch.setattr(module.time, "monotonic", lambda: float(next(now)))
    pace, seen = Pace(steps=1000, seconds=4.0), []

    def step(number: int, done: float) -> dict[str, torch.Tensor]:
        seen.append(done)
        return {}

    pace.run(step)
    assert seen == [0.25, 0.5, 0.75]
    assert pace.taken == 3


@pytest.mark.parametrize("every", [2, 100])
def test_a_loss_that_is_no_number_is_refused(every: int) -> None:
    pace = Pace(steps=5, every=every, seconds=600)
    with pytest.raises(
        TrainingError, match=r"finite; 'loss' became nan by step \d. Train with other recordings, fewer"
    ):
        pace.run(lambda number, done: {"loss": torch.tensor(float("nan") if number else 1.0)})
    assert pace.lines == []


def test_a_loss_that_was_no_number_when_time_ran_out_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter(range(100))
    monkeypatch.setattr(module.time, "monotonic", lambda: float(next(now)))
    with pytest.raises(TrainingError, match="'loss' became inf by step 3"):
        Pace(steps=1000, seconds=4.0).run(lambda number, done: {"loss": torch.tensor(float("inf"))})


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan")])
def test_no_time_is_refused(seconds: float) -> None:
    with pytest.raises(OptionError, match=f"more than 0 seconds; got {seconds:g}. Give it some, or none for all steps"):
        Pace(steps=1, seconds=seconds)


def test_no_step_is_refused() -> None:
    with pytest.raises(OptionError, match=r"steps is a whole number from 1; got 0. Choose another steps."):
        Pace(steps=0)
    check_least(Pace(steps=3), steps=3)
