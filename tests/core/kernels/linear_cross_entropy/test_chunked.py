"""Cross-entropy of a linear map by chunks of rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from genwright.kernels import use
from genwright.kernels.linear_cross_entropy.spec import SPEC, linear_cross_entropy
from genwright.kernels.spec import Call, distance

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
CALLS = [(call, dtype) for dtype in SPEC.tolerances for call in SPEC.awkward(dtype, DEVICE)]


def results(call: Call, implementation: str, dtype: torch.dtype) -> list[Tensor]:
    """Return what rows cost together, and the gradients of activations, weight and shares."""
    hidden, weight = (x.detach().to(dtype).requires_grad_() for x in call.args[:2])
    exact = torch.promote_types(dtype, torch.float32)
    given = {key: x.to(exact).requires_grad_() if isinstance(x, Tensor) else x for key, x in call.keywords.items()}
    with use(linear_cross_entropy=implementation):
        total = linear_cross_entropy(hidden, weight, call.args[2], **given)
    leaves = [hidden, weight, *[x for x in given.values() if isinstance(x, Tensor)]]
    return [total.detach(), *torch.autograd.grad(3 * total, leaves)]


def assert_close(call: Call, implementation: str, dtype: torch.dtype) -> None:
    found, expected = results(call, implementation, dtype), results(call, "reference", torch.float64)
    assert [x.dtype for x in found[:3]] == [torch.float32, dtype, dtype]
    distances = [distance(x, y) for x, y in zip(found, expected, strict=True)]
    assert max(distances) <= SPEC.tolerances[dtype], distances


@pytest.mark.parametrize(("call", "dtype"), CALLS, ids=lambda given: given.name if isinstance(given, Call) else None)
def test_costs_and_gradients_are_close_to_those_of_the_reference_in_float64(call: Call, dtype: torch.dtype) -> None:
    assert_close(call, "chunked", dtype)


class Largest(TorchDispatchMode):
    """Sees how many numbers the largest tensor has that anything makes."""

    def __init__(self) -> None:
        super().__init__()
        self.size = 0

    def __torch_dispatch__(self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        for x in made if isinstance(made, (list, tuple)) else [made]:
            self.size = max(self.size, x.numel() if isinstance(x, Tensor) else 0)
        return made


@pytest.mark.parametrize(("implementation", "whole"), [("chunked", False), ("reference", True)])
def test_neither_all_logits_nor_their_gradient_are_ever_made(implementation: str, whole: bool) -> None:
    hidden, weight = torch.randn(640, 8, requires_grad=True), torch.randn(200, 8, requires_grad=True)
    with Largest() as largest, use(linear_cross_entropy=implementation):
        linear_cross_entropy(hidden, weight, torch.zeros(640, dtype=torch.int64)).backward()
    assert (largest.size == 640 * 200) is whole
    assert whole or largest.size <= 256 * 200


def test_without_gradients_none_are_computed() -> None:
    hidden, weight = torch.randn(600, 4, requires_grad=True), torch.randn(20, 4)
    with use(linear_cross_entropy="chunked"):
        with torch.no_grad(), Largest() as largest:
            found = linear_cross_entropy(hidden, weight, torch.zeros(600, dtype=torch.int64))
        assert not found.requires_grad
        again = linear_cross_entropy(hidden, weight, torch.zeros(600, dtype=torch.int64))
    assert again.requires_grad
    assert torch.equal(found, again)
    assert largest.size <= 20 * 256


def test_mixed_precision_computes_products_in_the_lower_one() -> None:
    hidden, weight = torch.randn(40, 8, requires_grad=True), torch.randn(30, 8, requires_grad=True)
    targets = torch.arange(40) % 30
    found = []
    for implementation in ("chunked", "reference"):
        with use(linear_cross_entropy=implementation), torch.autocast(DEVICE.type, torch.bfloat16):
            total = linear_cross_entropy(hidden.to(DEVICE), weight.to(DEVICE), targets.to(DEVICE))
        found.append([total.detach(), *torch.autograd.grad(total, (hidden, weight))])
    for chunked, expected in zip(*found, strict=True):
        assert chunked.dtype == torch.float32
        assert distance(chunked, expected) < SPEC.tolerances[torch.bfloat16]


def test_gradients_of_small_shares_are_not_lost_in_half_precision() -> None:
    call = next(call for call, _ in CALLS if call.name == "shares")
    small = Call(name="small", args=call.args, keywords={"shares": call.keywords["shares"] * 1e-3})
    scaled = [8e6 * x.double() for x in _gradients(small)]
    expected = [8e6 * x for x in results(small, "reference", torch.float64)[1:3]]
    assert max(distance(x, y) for x, y in zip(scaled, expected, strict=True)) < SPEC.tolerances[torch.float16]


def _gradients(call: Call) -> list[Tensor]:
    """Return the gradients of activations and weight, as a scaled loss gives them."""
    hidden, weight = (x.detach().half().requires_grad_() for x in call.args[:2])
    with use(linear_cross_entropy="chunked"):
        total = linear_cross_entropy(hidden, weight, call.args[2], **call.keywords)
    return [x.double() * 3 / 2**20 for x in torch.autograd.grad(total * 2**20, (hidden, weight))]
