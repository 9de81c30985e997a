"""Sixteen numbers of float32 at a time, in loops that numba compiles.

LLVM adds up in the order that is written here, on every processor: with fast-math it would take another where its
vectors are longer or its version is another, and with it other bits. Memory is given by addresses, and not looked at
beyond: who calls a loop keeps the tensors alive and knows that they are large enough.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from llvmlite import binding, ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic, models, register_model

__all__ = [
    "KINDS",
    "WIDTH",
    "add",
    "compiled",
    "exp",
    "first",
    "fma",
    "last",
    "load",
    "load_int",
    "maximum",
    "multiply",
    "spread",
    "store",
    "store_sums",
    "subtract",
    "sum_of",
    "top_of",
]

WIDTH = 16
"""How many numbers are taken at a time."""

KINDS = {torch.float32: np.float32(0), torch.bfloat16: np.uint16(0), torch.float16: np.int16(0)}
"""By its type, one of these tells `load` what memory holds; integers stand for what numba has no arithmetic of."""

_FLOAT, _INT, _SHORT = ir.FloatType(), ir.IntType(32), ir.IntType(16)
_FLOATS, _INTS, _SHORTS = (ir.VectorType(one, WIDTH) for one in (_FLOAT, _INT, _SHORT))
_FEATURES = binding.get_host_cpu_features()
_NOTHING = ir.Constant(ir.IntType(8).as_pointer(), None)


class Lanes(types.Type):
    """The type of sixteen numbers, in what numba compiles."""

    def __init__(self) -> None:
        super().__init__(name="Lanes")


LANES = Lanes()


@register_model(Lanes)
class _Model(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _FLOATS)


def compiled(function: Callable[..., Any]) -> Any:
    """Return a function that is compiled when it is first called, and kept in a file if there is a place for one.

    What was kept is taken until the file of the function changes; it does not see changes of this one.
    """
    options = {"boundscheck": False, "error_model": "numpy", "nogil": True}
    try:
        return njit(cache=True, **options)(function)
    except RuntimeError:
        return njit(**options)(function)


def _all(number: float | int, kind: Any = _INTS) -> Any:
    return ir.Constant(kind, [number] * WIDTH)


def _spread(builder: Any, number: Any, kind: Any) -> Any:
    one = builder.insert_element(ir.Constant(kind, ir.Undefined), number, _INT(0))
    return builder.shuffle_vector(one, ir.Constant(kind, ir.Undefined), _all(0))


def _picked(builder: Any, a: Any, b: Any, which: list[int]) -> Any:
    return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(_INT, len(which)), which))


def _at(builder: Any, address: Any, index: Any, kind: Any) -> Any:
    """Return the pointer to a vector from an index on."""
    begin = builder.gep(builder.inttoptr(address, kind.element.as_pointer()), [index])
    return builder.bitcast(begin, kind.as_pointer())


@intrinsic
def load(context: Any, kind: Any, address: Any, index: Any) -> Any:
    """Return sixteen numbers of a kind from an index on, in float32."""

    def emit(_: Any, builder: Any, __: Any, given: Any) -> Any:
        if kind == types.float32:
            return builder.load(_at(builder, given[1], given[2], _FLOATS), align=4)
        bits = builder.zext(builder.load(_at(builder, given[1], given[2], _SHORTS), align=2), _INTS)
        return _of_bfloat16(builder, bits) if kind == types.uint16 else _of_float16(builder, bits)

    return LANES(kind, types.int64, types.int64), emit


def _of_bfloat16(builder: Any, bits: Any) -> Any:
    return builder.bitcast(builder.shl(bits, _all(16)), _FLOATS)


def _of_float16(builder: Any, bits: Any) -> Any:
    """Return numbers by their bits: a product moves the exponents, exactly and of the smallest too."""
    if _FEATURES.get("f16c", False):
        return builder.fpext(
            builder.bitcast(builder.trunc(bits, _SHORTS), ir.VectorType(ir.HalfType(), WIDTH)), _FLOATS
        )
    size = builder.shl(builder.and_(bits, _all(0x7FFF)), _all(13))
    moved = builder.bitcast(builder.fmul(builder.bitcast(size, _FLOATS), _all(2.0**112, _FLOATS)), _INTS)
    special = builder.icmp_unsigned(">=", size, _all(0x7C00 << 13))
    size = builder.select(special, builder.or_(size, _all(0x7F800000)), moved)
    sign = builder.shl(builder.and_(bits, _all(0x8000)), _all(16))
    return builder.bitcast(builder.or_(size, sign), _FLOATS)


@intrinsic
def load_int(context: Any, address: Any, index: Any) -> Any:
    """Return one integer of 32 bits."""

    def emit(_: Any, builder: Any, __: Any, given: Any) -> Any:
        at = builder.gep(builder.inttoptr(given[0], _INT.as_pointer()), [given[1]])
        return builder.sext(builder.load(at, align=4), ir.IntType(64))

    return types.int64(types.int64, types.int64), emit


@intrinsic
def store(context: Any, address: Any, index: Any, lanes: Any) -> Any:
    """Write sixteen numbers of float32 from an index on."""

    def emit(_: Any, builder: Any, __: Any, given: Any) -> Any:
        builder.store(given[2], _at(builder, given[0], given[1], _FLOATS), align=4)
        return _NOTHING

    return types.none(types.int64, types.int64, LANES), emit


@intrinsic
def store_sums(context: Any, address: Any, index: Any, a: Any, b: Any, c: Any, d: Any) -> Any:
    """Write the sums of four times sixteen numbers from an index on, each the one that `sum_of` returns."""

    def folded(builder: Any, x: Any, y: Any, size: int) -> Any:
        """Return the sums of both halves of each `2 * size` numbers, of x and then of y."""
        half = [begin + i for begin in range(0, 2 * WIDTH, 2 * size) for i in range(size)]
        return builder.fadd(_picked(builder, x, y, half), _picked(builder, x, y, [i + size for i in half]))

    def emit(_: Any, builder: Any, __: Any, given: Any) -> Any:
        sums = folded(builder, folded(builder, given[2], given[3], 8), folded(builder, given[4], given[5], 8), 4)
        for size in (2, 1):
            sums = builder.fadd(sums, _picked(builder, sums, sums, [i ^ size for i in range(WIDTH)]))
        four = _picked(builder, sums, sums, [0, 4, 8, 12])
        builder.store(four, _at(builder, given[0], given[1], four.type), align=4)
        return _NOTHING

    return types.none(types.int64, types.int64, LANES, LANES, LANES, LANES), emit


@intrinsic
def spread(context: Any, number: Any) -> Any:
    """Return sixteen times a number."""
    return LANES(types.float32), lambda _, builder, __, given: _spread(builder, given[0], _FLOATS)


@intrinsic
def add(context: Any, a: Any, b: Any) -> Any:
    """Return a + b."""
    return LANES(LANES, LANES), lambda _, builder, __, given: builder.fadd(*given)


@intrinsic
def subtract(context: Any, a: Any, b: Any) -> Any:
    """Return a - b."""
    return LANES(LANES, LANES), lambda _, builder, __, given: builder.fsub(*given)


@intrinsic
def multiply(context: Any, a: Any, b: Any) -> Any:
    """Return a * b."""
    return LANES(LANES, LANES), lambda _, builder, __, given: builder.fmul(*given)


@intrinsic
def fma(context: Any, a: Any, b: Any, c: Any) -> Any:
    """Return a * b + c, rounded once."""

    def emit(_: Any, builder: Any, __: Any, given: Any) -> Any:
        kind = ir.FunctionType(_FLOATS, [_FLOATS] * 3)
        return builder.call(cgutils.get_or_insert_function(builder.module, kind, "llvm.fma.v16f32"), given)

    return LANES(LANES, LANES, LANES), emit


def _greater(builder: Any, a: Any, b: Any) -> Any:
    return builder.select(builder.fcmp_ordered(">", a, b), a, b)


@intrinsic
def maximum(context: Any, a: Any, b: Any) -> Any:
    """Return the greater of each two; that of b where one is NaN."""
    return LANES(LANES, LANES), lambda _, builder, __, given: _greater(builder, *given)


def _folded(builder: Any, lanes: Any, join: Callable[[Any, Any, Any], Any]) -> Any:
    for half in (8, 4, 2, 1):
        lanes = join(builder, lanes, _picked(builder, lanes, lanes, [i ^ half for i in range(WIDTH)]))
    return builder.extract_element(lanes, _INT(0))


@intrinsic
def sum_of(context: Any, lanes: Any) -> Any:
    """Return the sum of sixteen numbers: of both halves, of the halves of that, and so on."""
    joined = lambda builder, a, b: builder.fadd(a, b)  # noqa: E731
    return types.float32(LANES), lambda _, builder, __, given: _folded(builder, given[0], joined)


@intrinsic
def top_of(context: Any, lanes: Any) -> Any:
    """Return the greatest of sixteen numbers, none of which is NaN."""
    return types.float32(LANES), lambda _, builder, __, given: _folded(builder, given[0], _greater)


def _kept(builder: Any, lanes: Any, count: Any, sign: str) -> Any:
    """Return the numbers of which the place has a relation to a count, and zeros."""
    counts = _spread(builder, builder.trunc(count, _INT), _INTS)
    places = ir.Constant(_INTS, list(range(WIDTH)))
    return builder.select(builder.icmp_signed(sign, places, counts), lanes, _all(0.0, _FLOATS))


@intrinsic
def first(context: Any, lanes: Any, count: Any) -> Any:
    """Return the first of sixteen numbers, so many, and zeros."""
    return LANES(LANES, types.int64), lambda _, builder, __, given: _kept(builder, given[0], given[1], "<")


@intrinsic
def last(context: Any, lanes: Any, count: Any) -> Any:
    """Return zeros, and the last of sixteen numbers, so many."""

    def emit(_: Any, builder: Any, __: Any, given: Any) -> Any:
        return _kept(builder, given[0], builder.sub(ir.IntType(64)(WIDTH), given[1]), ">=")

    return LANES(LANES, types.int64), emit


@intrinsic
def _scaled(context: Any, lanes: Any, power: Any) -> Any:
    """Return numbers times 2 to the integers that `power` has in its last bits."""

    def emit(_: Any, builder: Any, __: Any, given: Any) -> Any:
        bits, more = (builder.bitcast(one, _INTS) for one in given)
        return builder.bitcast(builder.add(bits, builder.shl(more, _all(23))), _FLOATS)

    return LANES(LANES, LANES), emit


@compiled
def exp(x: Any) -> Any:
    """Return e to the x, to 7e-8 of it, for x from -87 to 0; what is below is taken as -87.

    Source of the polynomial and of the split logarithm of 2: Moshier, Cephes Mathematical Library, expf.
    """
    x = maximum(x, spread(np.float32(-87.0)))
    # So large that its last bit counts ones: a sum with it is rounded to an integer.
    large = spread(np.float32(12582912.0))
    power = fma(x, spread(np.float32(1.44269504)), large)
    whole = subtract(power, large)
    x = fma(whole, spread(np.float32(-0.693359375)), x)
    x = fma(whole, spread(np.float32(2.12194440e-4)), x)
    y = spread(np.float32(1.9875691500e-4))
    y = fma(y, x, spread(np.float32(1.3981999507e-3)))
    y = fma(y, x, spread(np.float32(8.3334519073e-3)))
    y = fma(y, x, spread(np.float32(4.1665795894e-2)))
    y = fma(y, x, spread(np.float32(1.6666665459e-1)))
    y = fma(y, x, spread(np.float32(5.0000001201e-1)))
    y = fma(fma(y, x, spread(np.float32(1.0))), x, spread(np.float32(1.0)))
    return _scaled(y, power)
