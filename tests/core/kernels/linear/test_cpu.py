"""Products in numba: numbers of the reference, and bits that depend on the row and the weight only."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from genwright.errors import ShapeError
from genwright.kernels.linear.packed import Packed
from genwright.kernels.linear.spec import SPEC
from genwright.kernels.spec import Call, distance

pytest.importorskip("numba", reason="its loops need numba")
from genwright.kernels.linear import cpu

CPU = torch.device("cpu")
CALLS = [call for dtype in SPEC.tolerances for call in SPEC.awkward(dtype, CPU)]


def randn(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))


@pytest.mark.usefixtures("poisoned")
@pytest.mark.parametrize("call", CALLS, ids=lambda call: f"{call.name}, {call.args[0].dtype}")
def test_numbers_are_close_to_those_of_the_reference_in_float64(call: Call) -> None:
    x, given = call.args
    bias = None if given.bias is None else given.bias.double()
    expected = SPEC.operation.reference(x.double(), Packed(weight=given.weight.double(), bias=bias))
    found = cpu.linear(x, given)
    assert found.dtype == x.dtype
    assert distance(found, expected) <= SPEC.tolerances[x.dtype]


@pytest.mark.parametrize("width", [16, 17, 31, 32, 40, 48, 63, 96])
@pytest.mark.parametrize("size", [4, 6, 9])
def test_a_row_is_the_same_alone_and_among_others(width: int, size: int) -> None:
    x, packed = randn(9, width), Packed(weight=randn(size, width))
    whole = cpu.linear(x, packed)
    assert distance(whole, x.double() @ packed.weight.double().T) < SPEC.tolerances[torch.float32]
    for rows in (1, 2, 3, 8):
        for begin in range(10 - rows):
            assert torch.equal(cpu.linear(x[begin : begin + rows], packed), whole[begin : begin + rows])


@pytest.mark.parametrize("rows", [1, 4])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_weight_in_16_bits_gives_the_bits_of_the_same_numbers_in_32(dtype: torch.dtype, rows: int) -> None:
    x, weight = randn(rows, 75), randn(10, 75).to(dtype).float()
    # One more output, which 16 bits do not hold, keeps all of the weight in 32.
    wide = Packed(weight=torch.cat([weight, torch.full((1, 75), 1 + 2**-20)]))
    narrow = Packed(weight=weight)
    assert (narrow.narrow.dtype, wide.narrow.dtype) == (dtype, torch.float32)
    assert torch.equal(cpu.linear(x, narrow), cpu.linear(x, wide)[:, :10])


def test_rows_may_lie_anyhow() -> None:
    packed, x = Packed(weight=randn(8, 20)), randn(20, 3).T
    assert torch.equal(cpu.linear(x, packed), cpu.linear(x.contiguous(), packed))


def test_what_is_not_finite_goes_through_to_its_own_products() -> None:
    x, weight = randn(4, 40), randn(8, 40)
    x[1, 39], weight[6, 3] = math.nan, math.inf
    expected = torch.ones(4, 8, dtype=torch.bool)
    expected[1], expected[:, 6] = False, False
    assert torch.equal(cpu.linear(x, Packed(weight=weight)).isfinite(), expected)


def test_rows_of_another_size_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"needs rows \[M, 16\]; got \[2, 17\]"):
        cpu.linear(torch.zeros(2, 17), Packed(weight=torch.zeros(4, 16)))
