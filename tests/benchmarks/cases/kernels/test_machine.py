from __future__ import annotations

from pathlib import Path

import pytest
import torch

from benchmarks.cases.kernels import machine
from benchmarks.setting import Setting

SMOKE = Setting(model="kernels", quick=True, smoke=True, samples=2, scratch=Path())


def test_a_processor_is_measured_where_there_is_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert machine.usual_device() == torch.device("cpu")
    found = {row.name: row for row in machine.rows(SMOKE)}
    measured = {"read from memory", "copied in memory, read and written"}
    measured |= {f"products of matrices, {dtype}" for dtype in ("float32", "bfloat16")}
    assert {name for name, row in found.items() if row.value} == {f"one thread: {name}" for name in measured}


def test_what_cannot_run_here_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    reasons = {"there is no abacus": ["beads", "sums"]}
    monkeypatch.setattr(machine, "_missing", lambda: reasons)
    *_, row = machine.rows(SMOKE)
    assert (row.name, row.value, row.note) == ("not here: beads, sums", None, "there is no abacus.")
