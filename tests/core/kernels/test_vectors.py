"""Numbers side by side are what NumPy makes of each of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

pytest.importorskip("numba", reason="numba compiles its loops")
from numba import njit

from genwright.kernels.vectors import (
    WIDTH,
    fill,
    fused,
    get,
    greater,
    load,
    power_of_two,
    put,
    spread,
    store,
    within,
)

Array = Any
X = np.random.default_rng(1).normal(size=WIDTH).astype(np.float32)
Y = np.random.default_rng(2).normal(size=WIDTH).astype(np.float32)


def of_each(function: Callable[[Any, Any], Any], x: Array, y: Array) -> Array:
    """Return what a function gives of two vectors."""

    @njit  # type: ignore[misc, untyped-decorator, unused-ignore]
    def run(out: Any, x: Any, y: Any) -> None:
        store(out, 0, function(load(x, 0), load(y, 0)))

    out = np.zeros(WIDTH, np.float32)
    run(out, x, y)
    return out


def test_arithmetic_is_that_of_each() -> None:
    found = of_each(njit(lambda x, y: (x + y) * (x - y) / y), X, Y)
    assert np.array_equal(found, (X + Y) * (X - Y) / Y)


def test_fused_rounds_once() -> None:
    exact = (X.astype(np.float64) * Y + X).astype(np.float32)
    assert np.array_equal(of_each(njit(lambda x, y: fused(x, y, x)), X, Y), exact)


def test_greater_gives_the_second_where_the_first_is_nan() -> None:
    x = X.copy()
    x[3] = np.nan
    found = of_each(njit(lambda x, y: greater(x, y)), x, Y)
    assert np.array_equal(found, np.where(x > Y, x, Y))
    assert found[3] == Y[3]


def test_lanes_outside_are_others() -> None:
    found = of_each(njit(lambda x, y: within(x, np.int32(2), np.int32(5), y)), X, Y)
    assert np.array_equal(found, [*Y[:2], *X[2:5], *Y[5:]])
    found = of_each(njit(lambda x, y: within(x, np.int32(-9), np.int32(99), y)), X, Y)
    assert np.array_equal(found, X)


@njit  # type: ignore[misc, untyped-decorator, unused-ignore]
def _moved(out: Any, x: Any) -> None:
    store(out, 1, spread(x, 5))
    store(out, 1 + WIDTH, fill(np.float32(7)))
    put(out, 0, get(x, 9))


def test_numbers_are_read_and_written_where_they_are_said_to_be() -> None:
    out = np.zeros(2 * WIDTH + 2, np.float32)
    _moved(out, X)
    assert np.array_equal(out, [X[9], *[X[5]] * WIDTH, *[7] * WIDTH, 0])


@njit  # type: ignore[misc, untyped-decorator, unused-ignore]
def _powers(out: Any, x: Any) -> None:
    for at in range(0, x.size, WIDTH):
        store(out, at, power_of_two(load(x, at)))


def test_powers_of_two_are_right_to_the_last_bit_or_the_one_before() -> None:
    x = np.linspace(-126, 127.4, 4000 * WIDTH, dtype=np.float32)
    out = np.zeros_like(x)
    _powers(out, x)
    assert np.abs(out / np.exp2(x.astype(np.float64)) - 1).max() < 1e-7


def test_powers_of_what_is_low_are_zero_of_zero_one_and_of_nan_nan() -> None:
    x = X.copy()
    x[:5] = [-np.inf, -126.6, 0, np.nan, 1]
    assert np.array_equal(of_each(njit(lambda x, y: power_of_two(x)), x, Y)[:5], [0, 0, 1, np.nan, 2], equal_nan=True)


@njit  # type: ignore[misc, untyped-decorator, unused-ignore]
def _copied(out: Any, x: Any) -> None:
    store(out, 0, load(x, 0))


def test_bfloat16_is_read_and_rounded_as_pytorch_does() -> None:
    x = torch.cat([torch.from_numpy(X)[:12], torch.tensor([1 + 2**-8, 1 + 3 * 2**-8, -torch.inf, torch.nan])])
    half, wide = torch.zeros(WIDTH, dtype=torch.bfloat16), torch.zeros(WIDTH)
    _copied(half.view(torch.int16).numpy(), x.numpy())
    _copied(wide.numpy(), half.view(torch.int16).numpy())
    assert torch.equal(wide[:-1], x.to(torch.bfloat16).float()[:-1])
    assert wide[-1].isnan()
