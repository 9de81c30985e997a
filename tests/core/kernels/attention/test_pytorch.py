"""Attention by operators of PyTorch is that of the reference wherever it does not refuse."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import Tensor

from genwright.errors import MismatchError, OptionError
from genwright.kernels import use
from genwright.kernels.attention import reference
from genwright.kernels.attention.spec import SPEC, attention
from genwright.kernels.spec import Call, distance

DEVICE = torch.device("cpu")
NAMES = ("sdpa", "products")


def serves(name: str, call: Call) -> bool:
    with use(attention=name):
        return attention.explain(*call.args, **call.keywords).chosen == name


CALLS = [
    pytest.param(name, dtype, call, id=f"{name}, {dtype}, {call.name}")
    for name in NAMES
    for dtype in SPEC.tolerances
    for call in SPEC.awkward(dtype, DEVICE)
    if serves(name, call)
]


def exact(keywords: Mapping[str, Any]) -> dict[str, Any]:
    return {name: x.double() if name == "bias" else x for name, x in keywords.items()}


@pytest.mark.parametrize(("name", "dtype", "call"), CALLS)
def test_values_are_those_of_the_reference(name: str, dtype: torch.dtype, call: Call) -> None:
    with use(attention=name):
        found = attention(*call.args, **call.keywords)
    expected = reference.attention(*(x.double() for x in call.args), **exact(call.keywords))
    assert found.dtype == dtype
    assert distance(found, expected) < SPEC.tolerances[dtype]


@pytest.mark.parametrize(("name", "dtype", "call"), [call for call in CALLS if call.values[1] == torch.float32])
def test_gradients_are_those_of_the_reference(name: str, dtype: torch.dtype, call: Call) -> None:
    def gradients(chosen: str, to: torch.dtype) -> list[Tensor]:
        leaves = [x.to(to).requires_grad_() for x in call.args]
        keywords = {key: x.to(to) if key == "bias" else x for key, x in call.keywords.items()}
        with use(attention=chosen):
            out = attention(*leaves, **keywords)
        up = torch.randn(out.shape, generator=torch.Generator().manual_seed(2)).to(to)
        return list(torch.autograd.grad(out, leaves, up))

    found, expected = gradients(name, dtype), gradients("reference", torch.float64)
    for one, other in zip(found, expected, strict=True):
        # Of a single key there are no gradients but those of its value: what is found beside zero is rounding.
        assert distance(one, other) < SPEC.tolerances[dtype] or float((one - other).abs().max()) < 1e-6


def test_both_serve_most_of_what_there_is() -> None:
    count = {name: sum(call.values[0] == name and call.values[1] == torch.float32 for call in CALLS) for name in NAMES}
    assert count == {"sdpa": 7, "products": 12}


@pytest.mark.parametrize("name", NAMES)
def test_a_bias_may_come_with_causality(name: str) -> None:
    q, k, v = torch.randn(3, 1, 2, 5, 8, generator=torch.Generator().manual_seed(8)).unbind()
    bias = torch.randn(1, 2, 1, 5, generator=torch.Generator().manual_seed(9))
    with use(attention=name):
        found = attention(q, k, v, bias=bias, causal=True)
    assert distance(found, reference.attention(q, k, v, bias=bias, causal=True)) < 1e-6


@pytest.mark.parametrize("name", NAMES)
def test_a_query_from_which_a_bias_hides_all_keys_gathers_zeros(name: str) -> None:
    q, k, v = torch.randn(3, 1, 2, 4, 8, generator=torch.Generator().manual_seed(7)).unbind()
    bias = torch.zeros(1, 1, 4, 4)
    bias[..., 2, :] = -math.inf
    with use(attention=name):
        found = attention(q, k, v, bias=bias)
    assert torch.equal(found[:, :, 2], torch.zeros(1, 2, 8))
    assert distance(found, reference.attention(q, k, v, bias=bias)) < 1e-6


X = torch.zeros(1, 2, 8, 16)
STARTS = torch.tensor([0, 8], dtype=torch.int32)


@pytest.mark.parametrize(
    ("name", "k", "keywords", "message"),
    [
        ("sdpa", X, {"window": 3}, "neither windows nor packed"),
        ("sdpa", X, {"starts": STARTS}, "neither windows nor packed"),
        ("sdpa", X[:, :, :5], {"causal": True}, "its last at the last; got 8 and 5"),
        ("sdpa", X[:, :, :0], {}, "one query and one key or more"),
        ("sdpa", X, {"bias": torch.zeros(1, 1, 8, 8).half()}, "got torch.float16, torch.float32"),
        ("products", X, {"starts": STARTS}, "keys of other sequences"),
        ("products", X.half(), {}, "got torch.float16, torch.float32"),
        ("products", X[:, :, :0], {}, "one query and one key or more"),
    ],
)
def test_what_they_cannot_take_is_refused_with_the_reason(
    name: str, k: Tensor, keywords: dict[str, Any], message: str
) -> None:
    with use(attention=name), pytest.raises(MismatchError, match=message):
        attention(X, k, k, **keywords)


@pytest.mark.parametrize("name", NAMES)
def test_what_does_not_fit_is_refused_as_by_the_reference(name: str) -> None:
    with use(attention=name), pytest.raises(OptionError, match=r"got 0\.0\. Use scale"):
        attention(X, X, X, scale=0.0)


@pytest.mark.parametrize("name", ["cudnn", "flash", "efficient"])
def test_what_runs_on_gpus_alone_is_refused_elsewhere(name: str) -> None:
    x = torch.zeros(1, 1, 8, 64, dtype=torch.float16)
    with use(attention=name), pytest.raises(MismatchError, match=rf"'{name}' of attention .*(no GPU|on cpu)"):
        attention(x, x, x)


@pytest.mark.parametrize(
    ("name", "x", "message"),
    [
        ("flash", torch.zeros(1, 1, 8, 64), "it takes float16 and bfloat16; got torch.float32"),
        ("cudnn", torch.zeros(1, 1, 8, 64, dtype=torch.float16), "it runs on GPUs; tensors are on cpu"),
        ("efficient", torch.zeros(1, 1, 8, 36, device="meta"), "it runs on GPUs; tensors are on meta"),
    ],
)
def test_what_a_kernel_of_gpus_cannot_take_is_said(name: str, x: Tensor, message: str) -> None:
    (found,) = [other for other in attention.others if other.name == name]
    assert found.arguments(x, x, x) == message


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no GPU that torch can use")
@pytest.mark.parametrize("name", ["cudnn", "flash", "efficient"])
@pytest.mark.parametrize("causal", [False, True])
def test_kernels_of_gpus_give_what_the_reference_gives(name: str, causal: bool) -> None:
    noise = torch.Generator().manual_seed(1)
    q, k, v = (torch.randn(2, 4, 96, 64, generator=noise).to("cuda", torch.bfloat16) for _ in range(3))
    with use(attention=name):
        found = attention(q, k, v, causal=causal)
    expected = reference.attention(q.double(), k.double(), v.double(), causal=causal)
    assert distance(found, expected) < SPEC.tolerances[torch.bfloat16]
