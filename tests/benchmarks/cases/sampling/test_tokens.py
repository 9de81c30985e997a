from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from benchmarks.cases.sampling import tokens as module
from benchmarks.cases.sampling.tokens import transformer
from benchmarks.peers.transformers_gpt2 import Size
from benchmarks.setting import Setting

CPU = torch.device("cpu")
SMOKE = Setting(model="sampling", quick=True, smoke=True, samples=2, scratch=Path())
SIZE = Size(vocabulary=9, length=6, width=32, depth=1, heads=2, kept=2)


def test_half_precision_holds_the_weights_and_none_is_zero_throughout() -> None:
    network = transformer(SIZE, "swiglu", CPU)
    for weight in network.parameters():
        assert torch.equal(weight, weight.half().float())
        assert weight.any() or not weight.numel()
    assert network.start == 8


def test_the_network_has_the_weights_that_its_speed_is_told_of() -> None:
    count = sum(weight.numel() for weight in transformer(module._SIZE, "relu2", CPU).parameters())
    assert round(count / 1e6, 1) == 10.6


def test_without_transformers_ours_is_measured_and_the_rest_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    monkeypatch.setattr(module, "_SMALL", SIZE)
    monkeypatch.setattr(module, "usual_device", lambda: CPU)
    found = {row.name: row for row in module.rows(SMOKE)}
    assert {name for name, row in found.items() if row.value} == {
        f"{count} rows of 5 tokens, {how}"
        for count in (1, 64)
        for how in ("float32, squared ReLU", "float32, SwiGLU", "ours in bfloat16, squared ReLU")
    }
    assert all(row.note.startswith("transformers is not installed (") for row in found.values())
    assert "64 rows of 5 tokens, float32, SwiGLU: ours to Qwen3 of the same weights's" in found


def test_what_no_time_is_left_for_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "usual_device", lambda: CPU)
    rows = list(module.rows(replace(SMOKE, until=0.0)))
    assert [(row.verdict, row.note) for row in rows] == [("not measured", "The time allowed had passed.")] * 2
    assert [str(row.target) for row in rows] == ["≥ 2", "≥ 2.2"]
