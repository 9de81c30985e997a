"""What the operation takes, and what it counts."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from genwright.errors import MismatchError
from genwright.kernels import recorded, use
from genwright.kernels.linear import spec
from genwright.kernels.linear.packed import Packed
from genwright.kernels.linear.spec import SPEC, linear

X, PACKED = torch.ones(2, 32), Packed(weight=torch.ones(8, 32), bias=torch.ones(8))


@pytest.mark.parametrize(
    ("x", "packed", "message"),
    [
        (X.double(), PACKED, "got torch.float64 and a weight of torch.float32"),
        (X.clone().requires_grad_(), PACKED, "it has no gradients, and some tensor asks for them"),
        (X, Packed(weight=torch.ones(3, 32)), r"4 outputs and 16 inputs or more; got \[3, 32\]"),
        (X[:, :8], Packed(weight=torch.ones(8, 8)), r"4 outputs and 16 inputs or more; got \[8, 8\]"),
        (X.to("meta"), PACKED, "tensors are on meta, and numba runs on the processor"),
    ],
)
def test_what_loops_cannot_take_is_refused_if_asked_for(x: Tensor, packed: Packed, message: str) -> None:
    pytest.importorskip("numba", reason="its loops need numba")
    with use(linear="numba"), pytest.raises(MismatchError, match=message):
        linear(x, packed)


@pytest.mark.parametrize(
    ("x", "packed", "message"),
    [
        (X[:1], PACKED, "2 rows or more; got 1"),
        (X.half(), PACKED, "float32 or bfloat16; got torch.float16 and a weight of torch.float32"),
        (X, Packed(weight=torch.ones(0, 32)), r"weights that are not empty; got \[0, 32\]"),
        (X.clone().requires_grad_(), PACKED, "it has no gradients, and some tensor asks for them"),
    ],
)
def test_what_onednn_cannot_take_is_refused_if_asked_for(x: Tensor, packed: Packed, message: str) -> None:
    if reason := spec._without_onednn():
        pytest.skip(reason)
    with use(linear="onednn"), pytest.raises(MismatchError, match=message):
        linear(x, packed)


def test_a_pytorch_without_its_private_operators_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    assert spec._without_onednn() == "PyTorch was built without oneDNN"
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: True)
    monkeypatch.setattr(spec, "_OPERATORS", ("_linear_of_tomorrow",))
    assert spec._without_onednn() == "this PyTorch has no operator mkldnn._linear_of_tomorrow"


def test_a_processor_without_bfloat16_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    if reason := spec._without_onednn():
        pytest.skip(reason)
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: False)
    packed = Packed(weight=torch.ones(8, 32, dtype=torch.bfloat16))
    with use(linear="onednn"), pytest.raises(MismatchError, match="oneDNN has no bfloat16 on this processor"):
        linear(X.bfloat16(), packed)


def test_what_was_measured_serves_unless_batch_invariance_is_asked_for() -> None:
    pytest.importorskip("numba", reason="its loops need numba")
    with recorded() as chosen:
        linear(X, PACKED)
        with use(invariant=True):
            assert torch.equal(linear(X, PACKED), torch.full((2, 8), 33.0))
    assert chosen == {"linear": ["onednn", "numba"]}


def test_tables_list_calls_by_dtype_and_rows() -> None:
    assert linear.case is not None
    found = [linear.case(torch.zeros(rows, 32), PACKED) for rows in (1, 2, 16, 17, 65)]
    assert found == [f"float32 M{rows}" for rows in (1, 16, 16, 64, "more")]


def test_traffic_and_work_are_those_of_all_rows_and_of_one_weight() -> None:
    assert SPEC.traffic(X, PACKED) == 4 * (2 * 32 + 8 * 32 + 8 + 2 * 8)
    assert SPEC.work(X, PACKED) == 2 * 2 * 8 * 32
    call = next(iter(SPEC.usual(torch.bfloat16, torch.device("cpu"))))
    assert {call.args[0].dtype, call.args[1].weight.dtype} == {torch.bfloat16}
