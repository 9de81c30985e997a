from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from benchmarks.cases.kernels import operations as module
from benchmarks.cases.kernels.operations import Case, cases, row, spec
from benchmarks.cases.kernels.served import Served
from benchmarks.clock import Repeated
from benchmarks.roofline import Roofline
from benchmarks.setting import Setting
from genwright.kernels.catalogue import operations
from genwright.kernels.spec import Call

CPU = torch.device("cpu")
SMOKE = Setting(model="kernels", quick=True, smoke=True, samples=2, scratch=Path())
ROOFLINE = Roofline(read=Repeated((1e9,)), copied=Repeated((1e9,)), products={torch.float32: Repeated((1e12,))})
HALF = Case(spec=spec("geglu"), dtype=torch.float32, call=Call(name="small", args=(torch.zeros(10, 200),)))


def test_usual_calls_are_of_each_dtype_that_an_operation_takes() -> None:
    every = list(cases(spec("geglu"), CPU))
    assert {case.dtype for case in every} == {torch.float32, torch.bfloat16}
    assert len(list(cases(spec("geglu"), CPU, few=True))) == 1
    assert [case.dtype for case in cases(spec("sampler_step"), CPU, few=True)] == [torch.float32]
    assert every[0].name == "geglu, float32: silu of [256, 2048]"


def test_a_row_tells_what_serves_beside_the_others() -> None:
    times = {"triton": Repeated((20e-6,)), "reference": Repeated((40e-6,))}
    found = Served(chosen="triton", ours=times, operators={"reference": times["reference"]}, reasons={"numba": "why"})
    made = row(HALF, found, ROOFLINE)
    assert (made.value, made.unit, made.peers) == (pytest.approx(20.0), "µs", {"reference": pytest.approx(40.0)})
    # It moves 12,000 bytes, for which 12 µs are needed.
    assert made.note.startswith("By triton. 2 times as fast as reference. 0.6 GB/s, ")
    assert made.note.endswith("60% of the roofline. Not numba: why.")


def test_a_call_that_nothing_serves_is_told() -> None:
    found = Served(chosen=None, ours={}, operators={}, reasons={"triton": "why"})
    made = row(HALF, found, ROOFLINE)
    assert (made.value, made.note) == (None, "Not triton: why.")


def test_each_operation_has_a_row_and_the_table_is_written_if_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    given: list[str] = []

    def write(timings: list[module.Timed], device: torch.device) -> Path:
        given.extend(timing.operation for timing in timings)
        return tmp_path / "cpu.json"

    few = ["cross_entropy", "geglu"]
    monkeypatch.setattr(module, "write", write)
    monkeypatch.setattr(module, "operations", lambda: few)
    monkeypatch.setattr(module, "usual_device", lambda: CPU)
    found = list(module.rows(replace(SMOKE, tunes=True)))
    assert [made.name.partition(",")[0] for made in found] == [*few, "calls in the table"]
    assert given == few
    assert found[-1].note == "Written to cpu.json."
    assert not list(tmp_path.iterdir())


def test_calls_that_no_time_is_left_for_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "operations", lambda: ["geglu", "linear"])
    monkeypatch.setattr(module, "usual_device", lambda: CPU)
    (made,) = module.rows(replace(SMOKE, until=0.0))
    assert (made.value, made.note) == (None, "The time allowed had passed before 2 further calls.")


def test_each_operation_says_what_it_is_called_with() -> None:
    assert all(spec(name).operation.name == name for name in operations())
