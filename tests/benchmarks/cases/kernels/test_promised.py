from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from benchmarks.cases.kernels import promised as module
from benchmarks.cases.kernels.operations import spec
from benchmarks.cases.kernels.promised import Promise, promises
from benchmarks.clock import Repeated
from benchmarks.row import at_least
from benchmarks.setting import Setting

CPU = torch.device("cpu")
SMOKE = Setting(model="kernels", quick=True, smoke=True, samples=2, scratch=Path())


def failing() -> Repeated:
    raise RuntimeError("out of memory\nmore")


def promise(name: str = "a number", *, gpu: bool = False, value: float = 2.0) -> Promise:
    return Promise(name=name, target=at_least(1), find=lambda: Repeated((value,)), gpu=gpu)


def test_what_is_promised_of_a_gpu_is_not_measured_without_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "usual_device", lambda: CPU)
    here, *there = module.rows(SMOKE)
    assert here.name.startswith("decode_attention, float32")
    assert here.value is not None
    assert {(row.verdict, row.note) for row in there} == {("not measured", "torch finds no GPU on this machine.")}
    assert len({row.name for row in there}) == len(there) > 30


def test_what_is_promised_is_measured_where_it_is_promised() -> None:
    setting = replace(SMOKE, smoke=False)
    assert module._row(promise(), setting, CPU).verdict == "pass"
    assert module._row(promise(value=0.5), setting, CPU).verdict == "FAIL"
    assert module._row(promise(gpu=True), setting, torch.device("cuda")).verdict == "pass"
    assert module._row(promise(), setting, torch.device("cuda")).verdict == ""
    late = module._row(promise(), replace(setting, until=0.0), CPU)
    assert (late.verdict, late.note) == ("not measured", "The time allowed had passed.")


def test_what_fails_is_told_and_the_rest_goes_on() -> None:
    row = module._row(replace(promise(), find=failing), SMOKE, CPU)
    assert (row.value, row.note) == (None, "RuntimeError: out of memory")


def test_calls_that_are_promised_of_are_usual_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a GPU's sizes, made where nothing has a memory."""
    nothing = torch.empty
    monkeypatch.setattr(torch, "randn", lambda shape, generator: nothing(shape, device="meta"))
    asked: list[tuple[str, str]] = []

    def found(name: str, dtype: torch.dtype, call: str) -> None:
        asked.append((name, call))
        raise LookupError

    monkeypatch.setattr(module, "_found", found)
    for each in promises():
        if each.gpu and "philox" not in each.name:
            with pytest.raises(LookupError):
                each.find()
    meta = torch.device("meta")
    for name, call in asked:
        dtype = torch.float32 if name == "sampler_step" else torch.bfloat16
        assert call in {usual.name for usual in spec(name).usual(dtype, meta)}, (name, call)


def test_a_share_is_of_the_turns_one_by_one() -> None:
    assert Repeated((4.0, 9.0)).over(Repeated((2.0, 3.0))).values == (2.0, 3.0)
