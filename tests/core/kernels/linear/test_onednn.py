"""Products with a weight that oneDNN laid out."""

from __future__ import annotations

import pytest
import torch

from genwright.errors import ShapeError
from genwright.kernels import explain, use
from genwright.kernels.linear.packed import Packed
from genwright.kernels.linear.spec import SPEC, linear
from genwright.kernels.spec import Call, distance

CPU = torch.device("cpu")
CALLS = [
    call for dtype in (torch.float32, torch.bfloat16) for call in SPEC.awkward(dtype, CPU) if len(call.args[0]) > 1
]


def packed(size: int, width: int, dtype: torch.dtype) -> Packed:
    noise = torch.Generator().manual_seed(size + width)
    return Packed(weight=torch.randn(size, width, generator=noise).to(dtype))


@pytest.fixture(autouse=True)
def there() -> None:
    with use(linear="onednn"):
        found = explain(linear, torch.zeros(2, 16), packed(4, 16, torch.float32))
    if found.chosen is None:
        pytest.skip(found.reasons["onednn"])


@pytest.mark.parametrize("call", CALLS, ids=lambda call: f"{call.name}, {call.args[0].dtype}")
def test_numbers_are_close_to_those_of_the_reference_in_float64(call: Call) -> None:
    x, given = call.args
    bias = None if given.bias is None else given.bias.double()
    expected = SPEC.operation.reference(x.double(), Packed(weight=given.weight.double(), bias=bias))
    with use(linear="onednn"):
        if (found := explain(linear, x, given)).chosen is None:
            pytest.skip(found.reasons["onednn"])
        result = linear(x, given)
    assert result.dtype == x.dtype
    assert distance(result, expected) <= SPEC.tolerances[x.dtype]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("width", "size"), [(384, 1152), (384, 65), (48, 20)])
def test_a_row_is_the_same_among_any_multiple_of_16(width: int, size: int, dtype: torch.dtype) -> None:
    given = packed(size, width, dtype)
    x = torch.randn(128, width, generator=torch.Generator().manual_seed(1)).to(dtype)
    with use(linear="onednn"):
        if (found := explain(linear, x, given)).chosen is None:
            pytest.skip(found.reasons["onednn"])
        whole = linear(x, given)
        for rows in (16, 32, 48, 96):
            for begin in (0, 16, 128 - rows):
                assert torch.equal(linear(x[begin : begin + rows], given), whole[begin : begin + rows])
        mixed = torch.cat([x[5:6], torch.zeros(3, width, dtype=dtype), x[50:62]])
        assert torch.equal(linear(mixed, given)[0], whole[5])


def test_rows_may_lie_anyhow() -> None:
    given = packed(24, 32, torch.float32)
    x = torch.randn(32, 16, generator=torch.Generator().manual_seed(1)).T
    with use(linear="onednn"):
        assert torch.equal(linear(x, given), linear(x.contiguous(), given))


def test_rows_of_another_size_are_refused() -> None:
    with use(linear="onednn"), pytest.raises(ShapeError, match=r"needs rows \[M, 16\]; got \[2, 17\]"):
        linear(torch.zeros(2, 17), packed(4, 16, torch.float32))
