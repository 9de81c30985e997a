"""Sixteen numbers at a time: each operation against what NumPy or PyTorch says of each number."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

pytest.importorskip("numba", reason="its loops need numba")
from genwright.kernels import lanes
from genwright.kernels.lanes import FLOAT, INT, KINDS, LONG, WIDTH
from tests.core.kernels.lanes.memory import written

X = torch.randn(4 * WIDTH, generator=torch.Generator().manual_seed(1))
DTYPES = [torch.float32, torch.bfloat16, torch.float16]


@lanes.compiled
def widen(kind: Any, x: int, begin: int, out: int) -> None:
    lanes.store(lanes.numbers(FLOAT, out), 0, lanes.load(lanes.numbers(kind, x), begin))


@lanes.compiled
def widen_each(kind: Any, x: int, begin: int, out: int) -> None:
    for i in range(WIDTH):
        lanes.put(lanes.numbers(FLOAT, out), i, lanes.get(lanes.numbers(kind, x), begin + i))


@lanes.compiled
def narrow(kind: Any, x: int, out: int) -> None:
    lanes.store(lanes.numbers(kind, out), 0, lanes.load(lanes.numbers(FLOAT, x), 0))


@lanes.compiled
def through_an_array(x: int, out: int) -> None:
    x, out = lanes.numbers(FLOAT, x), lanes.numbers(FLOAT, out)
    array = np.empty(WIDTH + 1, np.float32)
    lanes.store(array, 1, lanes.load(x, 1))
    lanes.put(array, 0, lanes.get(x, 0))
    lanes.store(out, 0, lanes.load(array, 0))
    lanes.put(out, WIDTH, lanes.get(array, WIDTH))


@lanes.compiled
def arithmetic(x: int, out: int) -> None:
    x, out = lanes.numbers(FLOAT, x), lanes.numbers(FLOAT, out)
    a, b, c = lanes.load(x, 0), lanes.load(x, 16), lanes.load(x, 32)
    lanes.store(out, 0, lanes.fused(a, b, c))
    lanes.store(out, 16, a * b - (b + c) / a)
    lanes.store(out, 32, lanes.greater(a, b))
    lanes.store(out, 48, lanes.spread(lanes.greatest_of(a)))


@lanes.compiled
def parts(x: int, count: int, out: int) -> None:
    x, out = lanes.numbers(FLOAT, x), lanes.numbers(FLOAT, out)
    lanes.store(out, 0, lanes.first(lanes.load(x, 0), count))
    lanes.store(out, 16, lanes.last(lanes.load(x, 0), count))


@lanes.compiled
def part(x: int, begin: int, end: int, out: int) -> None:
    x, out = lanes.numbers(FLOAT, x), lanes.numbers(FLOAT, out)
    lanes.store(out, 0, lanes.within(lanes.load(x, 0), begin, end, lanes.load(x, 16)))


@lanes.compiled
def sums(x: int, out: int) -> None:
    x, out = lanes.numbers(FLOAT, x), lanes.numbers(FLOAT, out)
    lanes.store_sums(out, 0, lanes.load(x, 0), lanes.load(x, 16), lanes.load(x, 32), lanes.load(x, 48))


@lanes.compiled
def sum_at(x: int, begin: int) -> float:
    return lanes.sum_of(lanes.load(lanes.numbers(FLOAT, x), begin))  # type: ignore[no-any-return]


@lanes.compiled
def integer_at(kind: Any, x: int, index: int) -> int:
    return lanes.get(lanes.numbers(kind, x), index)  # type: ignore[no-any-return]


@lanes.compiled
def is_given(x: int) -> bool:
    return True if lanes.numbers(FLOAT, x) else False  # noqa: SIM210


@pytest.mark.parametrize("one", [widen, widen_each])
@pytest.mark.parametrize("dtype", DTYPES[1:])
def test_numbers_of_16_bits_are_widened_exactly(dtype: torch.dtype, one: Any) -> None:
    every = torch.arange(-(2**15), 2**15, dtype=torch.int16).view(dtype)
    out = torch.cat([written(one, KINDS[dtype], every.data_ptr(), i) for i in range(0, 2**16, WIDTH)])
    torch.testing.assert_close(out, every.float(), rtol=0, atol=0, equal_nan=True)
    assert torch.equal(out.signbit(), every.signbit())


def test_bfloat16_is_rounded_as_pytorch_does() -> None:
    x = torch.cat([X[:12], torch.tensor([1 + 2**-8, 1 + 3 * 2**-8, -torch.inf, torch.nan])])
    found = written(narrow, KINDS[torch.bfloat16], x.data_ptr(), dtype=torch.bfloat16)
    assert torch.equal(found[:-1], x.to(torch.bfloat16)[:-1])
    assert found[-1].isnan()


def test_arrays_of_a_loop_are_read_and_written_like_memory() -> None:
    assert torch.equal(written(through_an_array, X.data_ptr(), count=WIDTH + 1), X[: WIDTH + 1])


def test_arithmetic_is_that_of_each_number() -> None:
    a, b, c, _ = X.view(4, WIDTH)
    found = written(arithmetic, X.data_ptr(), count=4 * WIDTH).view(4, WIDTH)
    assert torch.equal(found[0], (a.double() * b.double() + c.double()).float())
    assert torch.equal(found[1], a * b - (b + c) / a)
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


@pytest.mark.parametrize(("begin", "end"), [(2, 5), (-9, 99), (3, 3)])
def test_lanes_outside_are_others(begin: int, end: int) -> None:
    expected = X[WIDTH : 2 * WIDTH].clone()
    expected[max(begin, 0) : end] = X[max(begin, 0) : min(end, WIDTH)]
    assert torch.equal(written(part, X.data_ptr(), begin, end), expected)


def test_sums_are_those_of_halves_of_halves() -> None:
    x = X.view(4, WIDTH)
    for half in (8, 4, 2, 1):
        x = x[:, :half] + x[:, half:]
    found = written(sums, X.data_ptr(), count=4)
    assert torch.equal(found, x[:, 0])
    assert found.tolist() == [sum_at(X.data_ptr(), i) for i in range(0, 64, WIDTH)]


@pytest.mark.parametrize(("kind", "least"), [(INT, -(2**31)), (LONG, -(2**63))])
def test_integers_are_read_as_they_are(kind: Any, least: int) -> None:
    x = torch.tensor([7, least], dtype=torch.int32 if kind is INT else torch.int64)
    assert [integer_at(kind, x.data_ptr(), i) for i in range(2)] == [7, least]


def test_memory_at_address_0_is_none() -> None:
    assert [is_given(0), is_given(X.data_ptr())] == [False, True]


@pytest.mark.parametrize("dtype", [torch.float16, torch.int32])
def test_what_is_not_written_is_refused_when_it_is_compiled(dtype: torch.dtype) -> None:
    from numba.core.errors import TypingError

    with pytest.raises(TypingError, match="store"):
        narrow(KINDS[dtype], X.data_ptr(), X.data_ptr())
