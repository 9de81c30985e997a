"""Attention in Triton is that of the reference, and does not depend on what is beside it."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from genwright.errors import OptionError, ShapeError
from genwright.kernels.attention import reference
from genwright.kernels.attention.spec import SPEC
from genwright.kernels.spec import Call, distance

pytest.importorskip("triton", reason="its kernels need Triton")
from genwright.kernels.attention import kernel

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
CALLS = {call.name: call for call in SPEC.awkward(torch.float32, DEVICE)}
HALF = {call.name: call for call in SPEC.awkward(torch.float16, DEVICE)}

Function = Any


def results(function: Function, call: Call, dtype: torch.dtype | None = None) -> list[Tensor]:
    """Return what comes out, and the gradients of queries, keys, values and bias."""

    def leaf(x: Any) -> Any:
        is_number = isinstance(x, Tensor) and x.is_floating_point()
        return x.detach().to(dtype or x.dtype).requires_grad_() if is_number else x

    args, keywords = [leaf(x) for x in call.args], {name: leaf(x) for name, x in call.keywords.items()}
    out = function(*args, **keywords)
    weights = torch.randn(out.shape, generator=torch.Generator().manual_seed(2)).to(DEVICE, call.args[0].dtype)
    wanted = [*args, *([keywords["bias"]] if "bias" in keywords else [])]
    return [out.detach(), *torch.autograd.grad(out, wanted, weights.to(out.dtype))]


def assert_close(call: Call) -> None:
    dtype = call.args[0].dtype
    found, expected = results(kernel.attention, call), results(reference.attention, call, torch.float64)
    assert all(x.dtype == dtype for x in found)
    distances = [distance(x, y) for x, y in zip(found, expected, strict=True)]
    assert max(distances) < SPEC.tolerances[dtype], distances


def rows(x: Tensor, *chosen: int) -> Tensor:
    return x[list(chosen)]


@pytest.mark.usefixtures("poisoned")
@pytest.mark.parametrize("name", CALLS)
def test_values_and_gradients_are_those_of_the_reference(name: str) -> None:
    assert_close(CALLS[name])


@pytest.mark.usefixtures("poisoned")
@pytest.mark.parametrize("name", [name for name in HALF if "shared" in name or "bias" in name or "wide" in name])
def test_so_they_are_in_half_precision(name: str) -> None:
    assert_close(HALF[name])


@pytest.mark.parametrize("name", [name for name in HALF if "bias of keys" not in name and "width" not in name])
def test_tiles_fetched_by_descriptors_give_the_same_results(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "capability", lambda device: 90)
    assert_close(HALF[name])


@pytest.mark.parametrize("architecture", [0, 90])
@pytest.mark.parametrize("masked", [{}, {"causal": True}, {"window": 9}])
def test_a_row_has_the_same_bits_alone_and_among_others(
    masked: dict[str, Any], architecture: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernel, "capability", lambda device: architecture)
    noise = torch.Generator().manual_seed(3)
    q, k, v = (torch.randn(4, 2, 37, 32, generator=noise).to(DEVICE, torch.float16) for _ in range(3))
    whole = results(kernel.attention, Call(name="four", args=(q, k, v), keywords=masked))
    for chosen in ((2,), (3, 2)):
        part = Call(name="some", args=tuple(rows(x, *chosen) for x in (q, k, v)), keywords=masked)
        assert torch.equal(results(kernel.attention, part)[0], rows(whole[0], *chosen))


def test_gradients_of_a_row_do_not_depend_on_others() -> None:
    noise = torch.Generator().manual_seed(4)
    q, k, v, up = (torch.randn(3, 2, 37, 32, generator=noise).to(DEVICE) for _ in range(4))

    def gradients(*chosen: int) -> tuple[Tensor, ...]:
        leaves = [rows(x, *chosen).requires_grad_() for x in (q, k, v)]
        return torch.autograd.grad(kernel.attention(*leaves, causal=True), leaves, rows(up, *chosen))

    whole = gradients(0, 1, 2)
    for alone, among in zip(gradients(1), whole, strict=True):
        assert torch.equal(alone[0], among[1])
    assert all(torch.equal(x, y) for x, y in zip(gradients(0, 1, 2), whole, strict=True))


def test_a_packed_sequence_has_the_same_bits_wherever_it_lies() -> None:
    noise = torch.Generator().manual_seed(5)
    q, k, v = (torch.randn(1, 2, 30, 32, generator=noise).to(DEVICE) for _ in range(3))
    other = torch.randn(1, 2, 50, 32, generator=noise).to(DEVICE)
    packed = [torch.cat([other, x], 2) for x in (q, k, v)]
    starts = torch.tensor([0, 50, 80], dtype=torch.int32, device=DEVICE)
    found = kernel.attention(packed[0], packed[1], packed[2], starts=starts, causal=True)
    alone = kernel.attention(q, k, v, starts=torch.tensor([0, 30], dtype=torch.int32, device=DEVICE), causal=True)
    assert torch.equal(found[:, :, 50:], alone)


@pytest.mark.parametrize("causal", [False, True])
def test_on_hopper_too_whatever_the_others_are(causal: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiles once followed from how many keys all sequences have."""
    monkeypatch.setattr(kernel, "capability", lambda device: 90)
    noise = torch.Generator().manual_seed(7)
    q, k, v = (torch.randn(1, 1, 200, 64, generator=noise).to(DEVICE, torch.float16) for _ in range(3))
    for beside in (100, 400):
        other = torch.randn(1, 1, beside, 64, generator=noise).to(DEVICE, torch.float16)
        starts = torch.tensor([0, 200, 200 + beside], dtype=torch.int32, device=DEVICE)
        packed = [torch.cat([x, other], 2) for x in (q, k, v)]
        found = kernel.attention(packed[0], packed[1], packed[2], starts=starts, causal=causal)[:, :, :200]
        alone = kernel.attention(q, k, v, starts=starts[:2], causal=causal)
        assert torch.equal(found, alone)


def test_gradients_may_come_from_anywhere_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "capability", lambda device: 90)
    noise = torch.Generator().manual_seed(8)
    q, k, v, up = (torch.randn(1, 2, 40, 32, generator=noise).to(DEVICE, torch.float16) for _ in range(4))
    leaves = [x.requires_grad_() for x in (q, k, v)]
    out = kernel.attention(*leaves)
    odd = torch.cat([up.new_zeros(3), up.transpose(1, 2).flatten()])[3:].view(1, 40, 2, 32).transpose(1, 2)
    assert odd.data_ptr() % 16
    found, expected = (torch.autograd.grad(out, leaves, each, retain_graph=True) for each in (odd, up))
    assert all(torch.equal(*pair) for pair in zip(found, expected, strict=True))


def test_rows_may_be_one_that_is_looked_at_several_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "capability", lambda device: 90)
    noise = torch.Generator().manual_seed(9)
    q, k, v = (torch.randn(1, 2, 40, 32, generator=noise).to(DEVICE, torch.float16) for _ in range(3))
    several = kernel.attention(*(x.expand(3, -1, -1, -1) for x in (q, k, v)))
    assert torch.equal(several, kernel.attention(q, k, v).expand(3, -1, -1, -1))


def test_longest_may_be_said_too_long() -> None:
    call = CALLS["packed, one of them empty"]
    found = kernel.attention(*call.args, **call.keywords, longest=80)
    assert torch.equal(found, kernel.attention(*call.args, **call.keywords))


# NumPy, in which the interpreter computes, warns of what the test is about.
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_not_finite_reaches_those_who_see_it_and_no_other_sequence(value: float) -> None:
    noise = torch.Generator().manual_seed(6)
    q, k, v = (torch.randn(2, 1, 90, 32, generator=noise).to(DEVICE) for _ in range(3))
    clean = kernel.attention(q, k, v, causal=True)
    k[0, 0, 70, 3], q[0, 0, 5, 0], v[0, 0, 75, 1] = value, value, value
    found, expected = kernel.attention(q, k, v, causal=True), reference.attention(q, k, v, causal=True)
    assert torch.equal(found[1], clean[1])
    spoiled = ~expected.isfinite()
    assert spoiled[0, 0, 5].all()
    assert not found[spoiled].isfinite().any()
    # Rows before 64 are of another tile.
    assert torch.equal(found[0, 0, :64].isfinite(), expected[0, 0, :64].isfinite())


def test_a_bias_of_minus_infinity_hides_and_hides_all() -> None:
    q, k, v = (x[..., :32] for x in CALLS["odd lengths"].args)
    bias = torch.zeros(1, 2, 70, 99, device=DEVICE)
    bias[..., 5, :], bias[..., 6, 3:] = -math.inf, -math.inf
    call = Call(name="hidden", args=(q, k, v), keywords={"bias": bias})
    assert_close(call)
    assert torch.equal(kernel.attention(q, k, v, bias=bias)[:, :, 5], torch.zeros(1, 2, 32, device=DEVICE))


@pytest.mark.parametrize("shape", [(0, 2, 4, 32), (2, 0, 4, 32)])
def test_nothing_gathers_nothing(shape: tuple[int, ...]) -> None:
    x = torch.zeros(shape, device=DEVICE, requires_grad=True)
    found = kernel.attention(x, x, x)
    assert found.shape == shape
    assert torch.autograd.grad(found.sum(), x)[0].shape == shape


def test_starts_that_do_not_rise_are_refused() -> None:
    x = torch.zeros(1, 1, 4, 32, device=DEVICE)
    with pytest.raises(ShapeError, match="rise from 0 to the number of positions, 4"):
        kernel.attention(x, x, x, starts=torch.tensor([0, 5], dtype=torch.int32, device=DEVICE))
    with pytest.raises(OptionError, match="a window is 1 key or more; got 0"):
        kernel.attention(x, x, x, window=0)
