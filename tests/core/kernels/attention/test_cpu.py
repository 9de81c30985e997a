"""Attention by loops is that of the reference, and does not depend on what is beside a row or on threads."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from genwright.errors import MismatchError, OptionError, ShapeError
from genwright.kernels import use
from genwright.kernels.attention import reference
from genwright.kernels.attention.spec import SPEC, attention
from genwright.kernels.spec import Call, distance

pytest.importorskip("numba", reason="numba compiles its loops")
from genwright.kernels.attention import cpu

DEVICE = torch.device("cpu")
CALLS = [(dtype, call) for dtype in SPEC.tolerances for call in SPEC.awkward(dtype, DEVICE)]


def normal(*shape: int, seed: int = 3) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def exact(q: Tensor, k: Tensor, v: Tensor, **keywords: Any) -> Tensor:
    keywords = {name: x.double() if name == "bias" else x for name, x in keywords.items()}
    return reference.attention(q.double(), k.double(), v.double(), **keywords)


@pytest.mark.usefixtures("poisoned")
@pytest.mark.parametrize(("dtype", "call"), [c for c in CALLS if "no " not in c[1].name[:3]], ids=str)
def test_values_are_those_of_the_reference(dtype: torch.dtype, call: Call) -> None:
    found = cpu.attention(*call.args, **call.keywords)
    assert found.dtype == dtype
    assert distance(found, exact(*call.args, **call.keywords)) < SPEC.tolerances[dtype]


@pytest.mark.parametrize("width", [1, 4, 8, 12, 16, 20, 96, 256])
@pytest.mark.parametrize(("queries", "keys"), [(1, 1), (17, 63), (64, 64), (33, 200)])
def test_any_width_and_length_will_do(width: int, queries: int, keys: int) -> None:
    q, k, v = normal(2, 4, queries, width), normal(2, 2, keys, width, seed=4), normal(2, 2, keys, width, seed=5)
    for keywords in ({}, {"causal": True}, {"window": 30}):
        found = cpu.attention(q, k, v, **keywords)
        assert distance(found, exact(q, k, v, **keywords)) < SPEC.tolerances[torch.float32]


@pytest.mark.parametrize("masked", [{}, {"causal": True}, {"window": 9}])
def test_a_row_has_the_same_bits_alone_among_others_and_on_any_number_of_threads(
    masked: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cpu, "_WORTH", 1)
    q, k, v = (normal(4, 2, 99, 24, seed=seed) for seed in (1, 2, 3))
    whole = cpu.attention(q, k, v, **masked)
    for rows in ([2], [3, 2], [1, 1, 0]):
        assert torch.equal(cpu.attention(q[rows], k[rows], v[rows], **masked), whole[rows])
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    assert torch.equal(cpu.attention(q, k, v, **masked), whole)


def test_a_packed_sequence_has_the_same_bits_wherever_it_lies() -> None:
    q, k, v = (normal(1, 2, 150, 8, seed=seed) for seed in (1, 2, 3))
    starts = torch.tensor([0, 47, 150], dtype=torch.int32)
    found = cpu.attention(q, k, v, starts=starts, causal=True)
    alone = cpu.attention(q[:, :, 47:], k[:, :, 47:], v[:, :, 47:], starts=starts[:2] * 0 + starts.new_tensor([0, 103]))
    causal = cpu.attention(q[:, :, 47:], k[:, :, 47:], v[:, :, 47:], causal=True)
    assert torch.equal(found[:, :, 47:], causal)
    assert torch.equal(alone, cpu.attention(q[:, :, 47:], k[:, :, 47:], v[:, :, 47:]))


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_not_finite_reaches_those_who_see_it_and_no_other_row(value: float) -> None:
    q, k, v = (normal(2, 1, 90, 8, seed=seed) for seed in (1, 2, 3))
    clean = cpu.attention(q, k, v, causal=True)
    k[0, 0, 70, 3], q[0, 0, 5, 0], v[0, 0, 75, 1] = value, value, value
    found, expected = cpu.attention(q, k, v, causal=True), reference.attention(q, k, v, causal=True)
    assert torch.equal(found[1], clean[1])
    spoiled = ~expected.isfinite()
    assert spoiled[0, 0, 5].all()
    assert not found[spoiled].isfinite().any()
    assert torch.equal(found[0, 0, :64].isfinite(), expected[0, 0, :64].isfinite())


def test_a_bias_of_minus_infinity_hides_and_hides_all() -> None:
    q, k, v = normal(1, 2, 20, 8), normal(1, 2, 70, 8, seed=4), normal(1, 2, 70, 8, seed=5)
    bias = torch.zeros(1, 2, 20, 70)
    bias[..., 5, :], bias[..., 6, 3:] = -math.inf, -math.inf
    found = cpu.attention(q, k, v, bias=bias)
    assert torch.equal(found[:, :, 5], torch.zeros(1, 2, 8))
    assert distance(found, exact(q, k, v, bias=bias)) < SPEC.tolerances[torch.float32]


def test_scores_far_apart_overflow_nothing() -> None:
    q, k, v = (100 * normal(1, 1, 80, 16, seed=seed) for seed in (1, 2, 3))
    assert distance(cpu.attention(q, k, v), exact(q, k, v)) < 1e-4


@pytest.mark.parametrize("shape", [(0, 2, 4, 8), (2, 0, 4, 8), (2, 2, 0, 8)])
def test_nothing_gathers_nothing(shape: tuple[int, ...]) -> None:
    assert cpu.attention(*[torch.zeros(shape)] * 3).shape == shape


def test_without_keys_there_are_zeros() -> None:
    none = torch.zeros(1, 1, 0, 8)
    assert torch.equal(cpu.attention(torch.ones(1, 1, 3, 8), none, none), torch.zeros(1, 1, 3, 8))


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (torch.zeros(1, 1, 4, 8).double(), "of 16 bits, or float32; got torch.float64"),
        (torch.zeros(1, 1, 4, 257), "a width of up to 256; got 257"),
        (torch.zeros(1, 1, 4, 8, requires_grad=True), "it has no gradients"),
        (torch.zeros(1, 1, 4, 8, device="meta"), "numba runs on the processor"),
    ],
)
def test_what_it_cannot_take_is_refused_with_the_reason(x: Tensor, message: str) -> None:
    with use(attention="numba"), pytest.raises(MismatchError, match=message):
        attention(x, x, x)


def test_what_does_not_fit_is_refused_as_by_the_reference() -> None:
    x = torch.zeros(1, 1, 4, 8)
    with pytest.raises(OptionError, match="a window is 1 key or more; got 0"):
        cpu.attention(x, x, x, window=0)
    with pytest.raises(ShapeError, match="rise from 0 to the number of positions, 4"):
        cpu.attention(x, x, x, starts=torch.tensor([0, 5], dtype=torch.int32))
