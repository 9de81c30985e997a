from __future__ import annotations

import pytest
import torch

from genwright_audio import pace as module
from genwright_audio.pace import Pace


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
