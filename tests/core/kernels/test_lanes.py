"""Sixteen numbers at a time: each operation against what NumPy or PyTorch says of each number."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

pytest.importorskip("numba", reason="its loops need numba")
import numba

from genwright.kernels import lanes
from genwright.kernels.lanes import KINDS, WIDTH

FLOAT = KINDS[torch.float32]
X = torch.randn(4 * WIDTH, generator=torch.Generator().manual_seed(1))


def written(loop: Any, *given: Any, count: int = WIDTH) -> Tensor:
    """Return what a loop writes to an address, between guards that it must leave alone."""
    whole = torch.full((count + 2 * WIDTH,), math.nan)
    loop(*given, whole[WIDTH:].data_ptr())
    assert whole[:WIDTH].isnan().all()
    assert whole[WIDTH + count :].isnan().all()
    return whole[WIDTH : WIDTH + count]


@lanes.compiled
def widen(kind: Any, x: int, begin: int, out: int) -> None:
    lanes.store(out, 0, lanes.load(kind, x, begin))


@lanes.compiled
def exponentials(x: int, out: int) -> None:
    lanes.store(out, 0, lanes.exp(lanes.load(FLOAT, x, 0)))


@lanes.compiled
def arithmetic(x: int, out: int) -> None:
    a, b, c = lanes.load(FLOAT, x, 0), lanes.load(FLOAT, x, 16), lanes.load(FLOAT, x, 32)
    lanes.store(out, 0, lanes.fma(a, b, c))
    lanes.store(out, 16, lanes.subtract(lanes.multiply(a, b), lanes.add(b, c)))
    lanes.store(out, 32, lanes.maximum(a, b))
    lanes.store(out, 48, lanes.spread(lanes.top_of(a)))


@lanes.compiled
def parts(x: int, count: int, out: int) -> None:
    lanes.store(out, 0, lanes.first(lanes.load(FLOAT, x, 0), count))
    lanes.store(out, 16, lanes.last(lanes.load(FLOAT, x, 0), count))


@lanes.compiled
def sums(x: int, out: int) -> None:
    four = lanes.load(FLOAT, x, 0), lanes.load(FLOAT, x, 16), lanes.load(FLOAT, x, 32), lanes.load(FLOAT, x, 48)
    lanes.store_sums(out, 0, four[0], four[1], four[2], four[3])


@lanes.compiled
def sum_at(x: int, begin: int) -> float:
    return lanes.sum_of(lanes.load(FLOAT, x, begin))  # type: ignore[no-any-return]


@lanes.compiled
def int_at(x: int, index: int) -> int:
    return lanes.load_int(x, index)  # type: ignore[no-any-return]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_numbers_of_16_bits_are_widened_exactly(dtype: torch.dtype) -> None:
    every = torch.arange(-(2**15), 2**15, dtype=torch.int16).view(dtype)
    out = torch.cat([written(widen, KINDS[dtype], every.data_ptr(), i) for i in range(0, 2**16, WIDTH)])
    torch.testing.assert_close(out, every.float(), rtol=0, atol=0, equal_nan=True)
    assert torch.equal(out.signbit(), every.signbit())


def test_exponentials_are_exact_to_seven_digits() -> None:
    for x in -88 * torch.rand(100, WIDTH, generator=torch.Generator().manual_seed(2)):
        found = written(exponentials, x.data_ptr()).double()
        assert torch.allclose(found, x.clamp(min=-87).double().exp(), rtol=7e-8, atol=0)
    special = torch.tensor([0.0, -0.0, -87.0, -1e30, -math.inf] + [-1e-9] * 11)
    found = written(exponentials, special.data_ptr()).tolist()
    assert found[:2] == found[5:7] == [1.0, 1.0]
    assert found[2] == found[3] == found[4] > 1.6e-38


def test_arithmetic_is_that_of_each_number() -> None:
    a, b, c, _ = X.view(4, WIDTH)
    found = written(arithmetic, X.data_ptr(), count=4 * WIDTH).view(4, WIDTH)
    assert torch.equal(found[0], (a.double() * b.double() + c.double()).float())
    assert torch.equal(found[1], a * b - (b + c))
    assert torch.equal(found[2], torch.maximum(a, b))
    assert torch.equal(found[3], a.max().expand(WIDTH))


def test_a_greater_number_than_nan_is_the_second() -> None:
    x = torch.zeros(3 * WIDTH)
    x[0] = x[WIDTH + 1] = math.nan
    assert written(arithmetic, x.data_ptr(), count=4 * WIDTH)[32:34].isnan().tolist() == [False, True]


@pytest.mark.parametrize("count", [0, 1, 9, 16])
def test_the_first_and_the_last_are_kept_and_nan_is_not(count: int) -> None:
    x = X[:WIDTH].clone()
    x[count:] = math.nan
    assert torch.equal(written(parts, x.data_ptr(), count, count=2 * WIDTH)[:WIDTH], x.nan_to_num())
    x = X[:WIDTH].clone()
    x[: WIDTH - count] = math.nan
    assert torch.equal(written(parts, x.data_ptr(), count, count=2 * WIDTH)[WIDTH:], x.nan_to_num())


def test_sums_are_those_of_halves_of_halves() -> None:
    x = X.view(4, WIDTH)
    for half in (8, 4, 2, 1):
        x = x[:, :half] + x[:, half:]
    found = written(sums, X.data_ptr(), count=4)
    assert torch.equal(found, x[:, 0])
    assert found.tolist() == [sum_at(X.data_ptr(), i) for i in range(0, 64, WIDTH)]


def test_integers_have_signs() -> None:
    x = torch.tensor([7, -5], dtype=torch.int32)
    assert [int_at(x.data_ptr(), i) for i in range(2)] == [7, -5]


def test_without_a_place_for_files_loops_are_compiled_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    njit = numba.njit

    def placeless(**options: Any) -> Any:
        if options.pop("cache", False):
            raise RuntimeError("no locator available")
        return njit(**options)

    monkeypatch.setattr(lanes, "njit", placeless)
    assert lanes.compiled(lambda x: x + np.float32(1))(np.float32(2)) == 3
