from __future__ import annotations

from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from benchmarks.cases.kernels import served as module
from benchmarks.cases.kernels.operations import spec
from benchmarks.cases.kernels.served import served
from genwright.kernels.spec import Call

CPU = torch.device("cpu")
quick = partial(served, device=CPU, seconds=0.0005)


def called(name: str, call: str) -> Call:
    return next(found for found in spec(name).awkward(torch.float32, CPU) if found.name == call)


def test_each_that_can_serve_is_timed_and_why_another_cannot_is_told() -> None:
    attention = spec("attention").operation
    found = quick(attention, called("attention", "a window"))
    assert {"reference", "products"} <= found.ours.keys()
    assert found.chosen in found.ours
    assert found.reasons["sdpa"] == "it has neither windows nor packed sequences"
    # What this machine cannot run at all is told for all calls together.
    assert torch.cuda.is_available() or "cudnn" not in found.reasons
    assert found.best is None


def test_operators_of_pytorch_are_those_among_implementations_or_the_reference_or_beside() -> None:
    attention = quick(spec("attention").operation, called("attention", "odd lengths"))
    assert attention.best is not None
    assert attention.best[0] == "sdpa"
    norm = quick(spec("geglu").operation, next(iter(spec("geglu").awkward(torch.float32, CPU))))
    assert list(norm.operators) == ["reference"]
    decoded = quick(spec("decode_attention").operation, called("decode_attention", "one part"))
    assert list(decoded.operators) == ["SDPA of one query"]


def test_what_fails_when_it_is_called_is_told() -> None:
    def failing() -> Any:
        raise RuntimeError("no kernel image\nat line 3")

    assert module._tried(failing) == "RuntimeError: no kernel image"
    assert module._tried(lambda: None) is None


def test_steps_of_diffusers_are_not_pytorchs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "step", lambda call: lambda: None)
    found = quick(spec("sampler_step").operation, called("sampler_step", "euler of [2, 5]"))
    assert found.operators.keys() == {"diffusers' step", "reference"}
    assert found.best is not None
    assert found.best[0] == "reference"


def test_without_diffusers_its_step_is_told_to_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(call: Call) -> SimpleNamespace:
        raise ImportError("No module named 'diffusers'")

    monkeypatch.setattr(module, "step", missing)
    found = quick(spec("sampler_step").operation, called("sampler_step", "euler of [2, 5]"))
    assert found.reasons["diffusers"] == "it is not installed"
