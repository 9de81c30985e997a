"""What the operation takes, and what it counts."""

from __future__ import annotations

import pytest
import torch

from genwright.errors import MismatchError
from genwright.kernels import recorded, use
from genwright.kernels.decode_attention.spec import SPEC, decode_attention

Q, K = torch.zeros(2, 4, 32), torch.zeros(2, 2, 10, 32)


@pytest.mark.parametrize(
    ("q", "k", "message"),
    [
        (Q.clone().requires_grad_(), K, "it has no gradients, and some tensor asks for them"),
        (Q[..., :24], K[..., :24], "in steps of 8; got 24"),
        (Q, K.half(), "one dtype of 16 bits, or float32; got torch.float32, torch.float16, torch.float16"),
    ],
)
def test_what_the_kernel_cannot_take_is_refused_if_asked_for(q: torch.Tensor, k: torch.Tensor, message: str) -> None:
    pytest.importorskip("triton", reason="its kernels need Triton")
    with use(decode_attention="triton"), pytest.raises(MismatchError, match=message):
        decode_attention(q, k, k)


@pytest.mark.parametrize(
    ("q", "k", "lengths", "message"),
    [
        (Q.clone().requires_grad_(), K, None, "it has no gradients, and some tensor asks for them"),
        (Q[..., :8], K[..., :8], None, "heads of a width of 16 or more; got 8"),
        (Q, K.half(), None, "one dtype of 16 bits, or float32; got torch.float32, torch.float16, torch.float16"),
        (Q.double(), K.double(), None, "one dtype of 16 bits, or float32; got torch.float64"),
        (Q, K.mT.contiguous().mT, None, "keys and values of which the last axis is dense"),
        (Q, K, torch.tensor([1, 2]), "lengths of int32; got torch.int64"),
        (Q.to("meta"), K.to("meta"), None, "tensors are on meta, and numba runs on the processor"),
    ],
)
def test_what_loops_cannot_take_is_refused_if_asked_for(
    q: torch.Tensor, k: torch.Tensor, lengths: torch.Tensor | None, message: str
) -> None:
    pytest.importorskip("numba", reason="its loops need numba")
    with use(decode_attention="numba"), pytest.raises(MismatchError, match=message):
        decode_attention(q, k, k, lengths=lengths)


def test_loops_serve_what_is_on_the_processor() -> None:
    pytest.importorskip("numba", reason="its loops need numba")
    with recorded() as chosen, use(decode_attention="numba"):
        assert torch.equal(decode_attention(Q + 1, K, K + 1), Q + 1)
    assert chosen == {"decode_attention": ["numba"]}


def test_loops_serve_where_they_can_and_else_products(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("numba", reason="its loops need numba")
    assert decode_attention.explain(Q, K, K).chosen == "numba"
    (numba,) = (other for other in decode_attention.others if other.name == "numba")
    monkeypatch.setitem(vars(numba), "missing", "numba is not installed")
    assert decode_attention.explain(Q, K, K).chosen == "products"
    assert decode_attention.explain(Q, K.mT.contiguous().mT, K).chosen == "reference"


def test_triton_serves_if_batch_invariance_is_asked_for_and_nothing_usual_has_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("triton", reason="its kernels need Triton")
    (numba,) = (other for other in decode_attention.others if other.name == "numba")
    monkeypatch.setitem(vars(numba), "missing", "numba is not installed")
    with recorded() as chosen, use(invariant=True):
        assert torch.equal(decode_attention(Q, K, K), Q)
    assert chosen == {"decode_attention": ["triton"]}


def test_keys_that_are_not_seen_are_neither_traffic_nor_work() -> None:
    lengths = torch.tensor([3, 0], dtype=torch.int32)
    assert SPEC.traffic(Q, K, K) == 2 * Q.nbytes + 2 * K.nbytes
    assert SPEC.traffic(Q, K, K, lengths=lengths) == 2 * Q.nbytes + 2 * 3 * 2 * 32 * 4 + 8
    assert SPEC.work(Q, K, K, lengths=lengths) == 4 * 3 * 4 * 32


def test_usual_calls_are_of_the_dtype_that_is_asked_for() -> None:
    call = next(iter(SPEC.usual(torch.bfloat16, torch.device("cpu"))))
    assert {x.dtype for x in call.args} == {torch.bfloat16}
    assert SPEC.traffic(*call.args) == 2 * (16 * 64 + 1024 * 16 * 64) * 2
