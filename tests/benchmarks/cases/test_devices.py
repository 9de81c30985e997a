from __future__ import annotations

from pathlib import Path

import pytest
import torch

from benchmarks.cases import devices
from benchmarks.setting import Setting

GPU = Setting(model="gpu", quick=True, samples=16, scratch=Path())


def test_a_machine_without_a_gpu_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    (row,) = devices.rows(GPU)
    assert (row.value, row.note) == (None, "torch finds no GPU on this machine.")


def test_each_model_is_measured_beside_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: set[tuple[int, str]] = set()

    def generate(model: object, n: int, *, rows: int, precision: str, **others: object) -> None:
        assert rows == n
        drawn.add((n, precision))

    load = devices.Model.load
    monkeypatch.setattr(devices.Model, "load", lambda *args, device="cpu": load(*args))
    monkeypatch.setattr(devices, "generate", generate)
    monkeypatch.setattr(devices, "_gpu", lambda: "some GPU")
    rows = list(devices.rows(GPU))
    assert [row.name.removeprefix("images/") for row in rows[:2]] == [
        "fashion: images a second, some GPU, float32",
        "fashion: images a second, some GPU, bfloat16",
    ]
    # What is drawn token by token is drawn in float32 alone.
    assert [row.name.rpartition(", ")[2] for row in rows] == ["float32", "bfloat16"] * 4 + ["float32"]
    assert all(row.value and row.peers.keys() == {"one thread of its processor, float32"} for row in rows)
    assert drawn == {(16, "float32"), (512, "float32"), (512, "bfloat16")}
