"""Sixteen numbers of float32 at a time, with signs for what is done to them, in loops that numba compiles.

LLVM makes of them the vectors that a processor has: one register of AVX-512, two of AVX2, four of NEON. Each operation
is rounded as it is written and none are reordered, so that bits do not depend on how wide the vectors are; with
fast-math they would.

Functions of Python hand memory to a loop by its address (`Tensor.data_ptr`) and kind (`KINDS`), since arrays take numba
about 1 us each to accept; the loop makes `numbers` of them. What is read from those is read from arrays of a loop's own
too. Neither is looked at beyond that: who calls a loop keeps the tensors alive and knows that they are large enough.
"""

from __future__ import annotations

from genwright.kernels.lanes.exponential import exp, exp2
from genwright.kernels.lanes.loop import compiled
from genwright.kernels.lanes.number import (
    FLOAT,
    INT,
    KINDS,
    LONG,
    WIDTH,
    first,
    fused,
    get,
    greater,
    greatest_of,
    last,
    load,
    numbers,
    put,
    spread,
    store,
    store_sums,
    sum_of,
    within,
)
from genwright.kernels.lanes.panel import EIGHT, add_products, store_eight, zeros

__all__ = [
    "EIGHT",
    "FLOAT",
    "INT",
    "KINDS",
    "LONG",
    "WIDTH",
    "add_products",
    "compiled",
    "exp",
    "exp2",
    "first",
    "fused",
    "get",
    "greater",
    "greatest_of",
    "last",
    "load",
    "numbers",
    "put",
    "spread",
    "store",
    "store_eight",
    "store_sums",
    "sum_of",
    "within",
    "zeros",
]
