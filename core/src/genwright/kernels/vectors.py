"""Sixteen float32 numbers side by side, of arrays, with signs for what is done to them, as numba compiles it.

LLVM makes of them the vectors that a processor has: one register of AVX-512, two of AVX2, four of NEON. Each operation
is rounded as written and nothing is reordered, so bits do not depend on how wide the vectors are.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic, models, overload, register_model
from torch import Tensor

__all__ = [
    "WIDTH",
    "fill",
    "fused",
    "get",
    "greater",
    "load",
    "numbers",
    "power_of_two",
    "put",
    "spread",
    "store",
    "within",
]

WIDTH = 16
"""How many numbers there are."""

_FLOATS = ir.VectorType(ir.FloatType(), WIDTH)
_INTEGERS, _HALVES = (ir.VectorType(ir.IntType(bits), WIDTH) for bits in (32, 16))
_ALIGNED = 4


class Vector(types.Type):
    """The type of sixteen numbers."""

    def __init__(self) -> None:
        super().__init__(name="Vector")


@register_model(Vector)
class _Model(models.PrimitiveModel):
    def __init__(self, manager: Any, of: Any) -> None:
        super().__init__(manager, of, _FLOATS)


_VECTOR = Vector()


def _operation(count: int, built: Callable[..., Any]) -> Any:
    """Return a function of so many lanes that builds their result."""

    def generated(context: Any, builder: Any, signature: Any, args: tuple[Any, ...]) -> Any:
        return built(builder, *args)

    # numba reads how many arguments there are off the signature.
    if count == 1:
        return intrinsic(lambda typing, x: (_VECTOR(_VECTOR), generated))
    if count == 2:
        return intrinsic(lambda typing, x, y: (_VECTOR(_VECTOR, _VECTOR), generated))
    return intrinsic(lambda typing, x, y, z: (_VECTOR(_VECTOR, _VECTOR, _VECTOR), generated))


_sum = _operation(2, lambda builder, x, y: builder.fadd(x, y))
_difference = _operation(2, lambda builder, x, y: builder.fsub(x, y))
_product = _operation(2, lambda builder, x, y: builder.fmul(x, y))
_quotient = _operation(2, lambda builder, x, y: builder.fdiv(x, y))


def _once_rounded(builder: Any, x: Any, y: Any, z: Any) -> Any:
    kind = ir.FunctionType(_FLOATS, [_FLOATS] * 3)
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, f"llvm.fma.v{WIDTH}f32"), [x, y, z])


fused = _operation(3, _once_rounded)
"""x * y + z, rounded once."""

greater = _operation(2, lambda builder, x, y: builder.select(builder.fcmp_ordered(">", x, y), x, y))
"""The greater of both, and y where x is NaN."""


def _defined(symbol: Any, chosen: Any) -> None:
    @overload(symbol)
    def _(x: Any, y: Any) -> Any:
        if isinstance(x, Vector) and isinstance(y, Vector):
            # numba takes only what is declared as this is.
            def of_lanes(x: Any, y: Any) -> Any:
                return chosen(x, y)

            return of_lanes
        return None


for _symbol, _chosen in (
    (operator.add, _sum),
    (operator.sub, _difference),
    (operator.mul, _product),
    (operator.truediv, _quotient),
):
    _defined(_symbol, _chosen)


def _pointer(context: Any, builder: Any, array: Any, kind: Any, at: Any) -> Any:
    return builder.gep(context.make_array(kind)(context, builder, array).data, [at])


def _place(context: Any, builder: Any, array: Any, kind: Any, at: Any, numbers: Any) -> Any:
    return builder.bitcast(_pointer(context, builder, array, kind, at), numbers.as_pointer())


def _each(value: int) -> Any:
    return ir.Constant(_INTEGERS, [value] * WIDTH)


@intrinsic
def load(typing: Any, x: Any, at: Any) -> Any:
    """Return the numbers of an array of one axis from a place on: float32, or bfloat16 seen as int16."""

    def generated(context: Any, builder: Any, signature: Any, args: tuple[Any, ...]) -> Any:
        kind = signature.args[0]
        if kind.dtype == types.float32:
            found = builder.load(_place(context, builder, args[0], kind, args[1], _FLOATS))
            found.align = _ALIGNED
            return found
        halves = builder.load(_place(context, builder, args[0], kind, args[1], _HALVES))
        halves.align = _ALIGNED // 2
        return builder.bitcast(builder.shl(builder.zext(halves, _INTEGERS), _each(16)), _FLOATS)

    return _VECTOR(x, types.intp), generated


@intrinsic
def store(typing: Any, x: Any, at: Any, lanes: Any) -> Any:
    """Write numbers to an array of one axis from a place on; those seen as int16 are rounded to bfloat16, ties to even.

    NaN remains NaN as long as it is one that arithmetic gives.
    """

    def generated(context: Any, builder: Any, signature: Any, args: tuple[Any, ...]) -> Any:
        kind, value = signature.args[0], args[2]
        if kind.dtype == types.float32:
            builder.store(value, _place(context, builder, args[0], kind, args[1], _FLOATS)).align = _ALIGNED
            return context.get_dummy_value()
        bits = builder.bitcast(value, _INTEGERS)
        odd = builder.and_(builder.lshr(bits, _each(16)), _each(1))
        rounded = builder.lshr(builder.add(bits, builder.add(odd, _each(0x7FFF))), _each(16))
        place = _place(context, builder, args[0], kind, args[1], _HALVES)
        builder.store(builder.trunc(rounded, _HALVES), place).align = _ALIGNED // 2
        return context.get_dummy_value()

    return types.void(x, types.intp, _VECTOR), generated


def _everywhere(builder: Any, value: Any, of: Any) -> Any:
    first = builder.insert_element(ir.Constant(of, ir.Undefined), value, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(first, ir.Constant(of, ir.Undefined), _each(0))


@intrinsic
def fill(typing: Any, value: Any) -> Any:
    """Return a number in every lane."""

    def generated(context: Any, builder: Any, signature: Any, args: tuple[Any, ...]) -> Any:
        return _everywhere(builder, args[0], _FLOATS)

    return _VECTOR(types.float32), generated


@intrinsic
def get(typing: Any, x: Any, at: Any) -> Any:
    """Return the number at a place of an array of one axis: float32, or bfloat16 seen as int16.

    No place is counted from the end.
    """

    def generated(context: Any, builder: Any, signature: Any, args: tuple[Any, ...]) -> Any:
        kind = signature.args[0]
        found = builder.load(_pointer(context, builder, args[0], kind, args[1]))
        if kind.dtype == types.float32:
            return found
        whole = ir.IntType(32)
        return builder.bitcast(builder.shl(builder.zext(found, whole), ir.Constant(whole, 16)), ir.FloatType())

    return types.float32(x, types.intp), generated


@intrinsic
def put(typing: Any, x: Any, at: Any, value: Any) -> Any:
    """Write a number at a place of an array of float32, of one axis; no place is counted from its end."""

    def generated(context: Any, builder: Any, signature: Any, args: tuple[Any, ...]) -> Any:
        # LLVM leaves single what is atomic, which costs nothing; scatters of vectors are slower than what they replace.
        place = _pointer(context, builder, args[0], signature.args[0], args[1])
        builder.store_atomic(args[2], place, "monotonic", _ALIGNED)
        return context.get_dummy_value()

    return types.void(x, types.intp, types.float32), generated


@intrinsic
def spread(typing: Any, x: Any, at: Any) -> Any:
    """Return the number at a place of an array of one axis in every lane."""

    def generated(context: Any, builder: Any, signature: Any, args: tuple[Any, ...]) -> Any:
        number = builder.load(_pointer(context, builder, args[0], signature.args[0], args[1]))
        return _everywhere(builder, number, _FLOATS)

    return _VECTOR(x, types.intp), generated


@intrinsic
def within(typing: Any, x: Any, begin: Any, end: Any, other: Any) -> Any:
    """Return x in the lanes from `begin` on and before `end`, and `other` in the rest."""

    def generated(context: Any, builder: Any, signature: Any, args: tuple[Any, ...]) -> Any:
        lane = ir.Constant(_INTEGERS, list(range(WIDTH)))
        begin, end = (_everywhere(builder, value, _INTEGERS) for value in args[1:3])
        inside = builder.and_(builder.icmp_signed(">=", lane, begin), builder.icmp_signed("<", lane, end))
        return builder.select(inside, args[0], args[3])

    return _VECTOR(_VECTOR, types.int32, types.int32, _VECTOR), generated


def _raised(builder: Any, factor: Any, place: Any) -> Any:
    """Return a factor times two to the whole number that the last bits of another hold."""
    bits = builder.shl(builder.bitcast(place, _INTEGERS), _each(23))
    return builder.fmul(factor, builder.bitcast(bits, _FLOATS))


_scaled = _operation(2, _raised)
# 1.5 * 2^23, from which on there are no fractions, and what the exponent of 1 is written as.
_WHOLE = np.float32(12582912 + 127)
_LEAST = np.float32(-127)
# Of 2^x between -1/2 and 1/2, by least relative error, which is 2e-9.
_C1, _C2, _C3, _C4, _C5, _C6 = (
    np.float32(value)
    for value in (0.69314718, 0.24022646, 0.055503286, 0.0096184891, 0.0013399931, 0.00015345812)
)  # fmt: skip


def numbers(x: Tensor) -> np.ndarray[Any, Any]:
    """Return the memory of a contiguous tensor as an array of one axis, as int16 if it is bfloat16."""
    flat = x.view(-1)
    return (flat.view(torch.int16) if x.dtype == torch.bfloat16 else flat).numpy()


@njit
def power_of_two(x: Any) -> Any:
    """Return 2 to the power of x, which is to be below 128; 0 below -126.5, and NaN of NaN."""
    x = greater(fill(_LEAST), x)
    whole = x + fill(_WHOLE)
    part = x - (whole - fill(_WHOLE))
    found = fused(fill(_C6), part, fill(_C5))
    found = fused(found, part, fill(_C4))
    found = fused(found, part, fill(_C3))
    found = fused(found, part, fill(_C2))
    found = fused(found, part, fill(_C1))
    found = fused(found, part, fill(np.float32(1)))
    return _scaled(found, whole)
