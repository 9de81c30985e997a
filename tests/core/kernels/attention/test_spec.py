"""What the operation takes, and what it counts."""

from __future__ import annotations

import pytest
import torch

from genwright.errors import MismatchError
from genwright.kernels import explain, recorded, use
from genwright.kernels.attention.spec import SPEC, attention

CPU = torch.device("cpu")
X = torch.zeros(1, 2, 8, 32)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (X[..., :24], "heads of a width of 32 to 128, in steps of 8; got 24"),
        (torch.zeros(1, 1, 2, 36), "got 36"),
        (torch.zeros(1, 1, 2, 136), "got 136"),
        (X.double(), "one dtype of 16 bits, or float32; got torch.float64"),
    ],
)
def test_what_the_kernel_cannot_take_is_refused_if_asked_for(x: torch.Tensor, message: str) -> None:
    pytest.importorskip("triton", reason="its kernels need Triton")
    with use(attention="triton"), pytest.raises(MismatchError, match=message):
        attention(x, x, x)


def test_what_was_measured_serves_and_pytorchs_own_where_nothing_was() -> None:
    pytest.importorskip("numba", reason="its loops need numba")
    with use(invariant=True), recorded() as chosen:
        found = attention(X, X, X, causal=True)
    assert chosen == {"attention": ["numba"]}
    assert torch.equal(found, X)
    long = torch.zeros(1, 1, 2000, 64)
    assert explain("attention", long, long, long).chosen == "sdpa"


def test_triton_serves_if_batch_invariance_is_asked_for_and_nothing_else_has_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("triton", reason="its kernels need Triton")
    (numba,) = (other for other in attention.others if other.name == "numba")
    monkeypatch.setitem(vars(numba), "missing", "numba is not installed")
    with use(invariant=True), recorded() as chosen:
        found = attention(X, X, X, causal=True)
    assert chosen == {"attention": ["triton"]}
    assert torch.equal(found, X)


@pytest.mark.parametrize("causal", [False, True])
def test_many_scores_are_kept_for_no_backward_pass_where_pytorchs_own_serve(causal: bool) -> None:
    short, long = (torch.zeros(1, 1, keys, 64, dtype=torch.bfloat16, requires_grad=True) for keys in (512, 513))
    assert explain("attention", short, short, short, causal=causal).chosen == "products"
    found = explain("attention", long, long, long, causal=causal)
    assert found.chosen == "sdpa"
    assert "keep all scores, which PyTorch's own need not; got 513 keys" in found.reasons["products"]
    with torch.no_grad():
        assert explain("attention", long, long, long, causal=causal).chosen in ("products", "numba")
    with use(attention="products"):
        assert explain("attention", long, long, long, window=9).chosen == "products"


def test_tables_list_calls_by_dtype_masks_width_and_length() -> None:
    assert attention.case is not None
    assert attention.case(X, X, X, causal=True, window=3) == "float32 causal window D32 S64"
    long = torch.zeros(1, 1, 1025, 128, dtype=torch.bfloat16)
    assert attention.case(long, long, long) == "bfloat16 dense D128 Slonger"


def test_traffic_is_what_goes_in_and_out() -> None:
    bias = torch.zeros(1, 1, 1, 8)
    assert SPEC.traffic(X, X[:, :1], X[:, :1]) == 3 * X.nbytes
    assert SPEC.traffic(X, X, X, bias=bias) == 4 * X.nbytes + 4 * 8


def test_work_is_that_of_the_keys_that_are_seen() -> None:
    assert SPEC.work(X, X, X) == 4 * 2 * 32 * 64
    assert SPEC.work(X, X, X, causal=True) == 4 * 2 * 32 * 36
    assert SPEC.work(X, X, X, causal=True, window=1) == 4 * 2 * 32 * 8
    starts = torch.tensor([0, 4, 8], dtype=torch.int32)
    assert SPEC.work(X, X, X, starts=starts) == 4 * 2 * 32 * 32


def test_usual_calls_are_of_the_dtype_that_is_asked_for() -> None:
    call = next(iter(SPEC.usual(torch.bfloat16, CPU)))
    q, k, v = call.args
    assert {q.dtype, k.dtype, v.dtype} == {torch.bfloat16}
    assert SPEC.work(q, k, v, **call.keywords) == 4 * q.numel() * 64
    assert SPEC.traffic(q, k, v, **call.keywords) == 4 * q.nbytes
