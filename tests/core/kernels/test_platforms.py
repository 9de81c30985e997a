"""Where kernels run."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import pytest
import torch

from genwright.kernels import platforms
from genwright.kernels.platforms import (
    differentiated,
    interpreted,
    off_processor,
    off_triton,
    unlike,
    without_numba,
    without_triton,
)


@pytest.fixture(autouse=True)
def asked_anew() -> Iterator[None]:
    for question in (without_numba, without_triton):
        question.cache_clear()
    yield
    for question in (without_numba, without_triton):
        question.cache_clear()


def test_a_machine_without_triton_is_told_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platforms, "find_spec", lambda name: None)
    assert "genwright-core[kernels]" in str(without_triton())


def test_a_machine_without_numba_is_told_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platforms, "find_spec", lambda name: object())
    assert without_numba() is None
    without_numba.cache_clear()
    monkeypatch.setattr(platforms, "find_spec", lambda name: None)
    assert "genwright-core[kernels]" in str(without_numba())


def test_without_a_gpu_kernels_run_if_they_are_interpreted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platforms, "find_spec", lambda name: object())
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    assert interpreted()
    assert without_triton() is None
    without_triton.cache_clear()
    monkeypatch.delenv("TRITON_INTERPRET")
    assert "there is no GPU" in str(without_triton())


def test_tensors_are_on_a_gpu_or_interpreted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    assert off_triton(torch.ones(1), None) == "tensors are on cpu, and Triton runs on GPUs"
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    assert off_triton(torch.ones(1), None) is None
    assert off_triton(torch.ones(1), torch.ones(1, device="meta")) == "tensors are on several devices: cpu, meta"


def test_loops_for_the_processor_reach_what_is_on_it() -> None:
    assert off_processor(torch.ones(1), None) is None
    found = off_processor(torch.ones(1), None, torch.ones(1, device="meta"))
    assert found == "tensors are on meta, and numba runs on the processor"


def test_what_has_no_gradients_serves_where_none_are_asked_for() -> None:
    asked = torch.ones(1, requires_grad=True)
    assert differentiated(torch.ones(1), None, asked) == "it has no gradients, and some tensor asks for them"
    assert differentiated(torch.ones(1), None) is None
    with torch.no_grad():
        assert differentiated(asked) is None


def test_tensors_are_on_the_current_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    there = SimpleNamespace(device=torch.device("cuda:1"))
    assert off_triton(there) == "tensors are on cuda:1, and the current GPU is cuda:0"  # type: ignore[arg-type]
    there.device = torch.device("cuda:0")
    assert off_triton(there) is None  # type: ignore[arg-type]


def test_tensors_of_several_dtypes_or_an_unknown_one_are_told() -> None:
    single, half = torch.zeros(1), torch.zeros(1).half()
    assert unlike({torch.float32, torch.float16}, half, half) is None
    told = "it takes one dtype of 16 bits, or float32; got torch.float32, torch.float16"
    assert unlike({torch.float32, torch.float16}, single, half) == told
    assert unlike({torch.float16}, single, single) is not None
