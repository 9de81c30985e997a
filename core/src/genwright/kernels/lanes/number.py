"""Sixteen numbers of float32 at a time, signs and functions of them, and the memory that they come from."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, lower_builtin, models, register_model, type_callable

from genwright.kernels.lanes.loop import compiled

__all__ = [
    "FLOAT",
    "INT",
    "KINDS",
    "LANES",
    "LONG",
    "WIDTH",
    "Lanes",
    "Numbers",
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
    "store_sums",
    "sum_of",
    "within",
]

WIDTH = 16
"""How many numbers are taken at a time."""

KINDS = {
    torch.float32: np.float32(0),
    torch.bfloat16: np.uint16(0),
    torch.float16: np.int16(0),
    torch.int32: np.int32(0),
    torch.int64: np.int64(0),
}
"""By its dtype, one of these tells a loop what memory holds; integers stand for what numba has no arithmetic of."""

FLOAT, INT, LONG = (KINDS[dtype] for dtype in (torch.float32, torch.int32, torch.int64))
"""The kinds of float32, int32 and int64."""

_FLOAT, _BYTE, _SHORT, _INT, _LONG = (ir.FloatType(), *(ir.IntType(bits) for bits in (8, 16, 32, 64)))
_FLOATS, _SHORTS, _INTS = (ir.VectorType(one, WIDTH) for one in (_FLOAT, _SHORT, _INT))
_HELD = {types.float32: _FLOAT, types.uint16: _SHORT, types.int16: _SHORT, types.int32: _INT, types.int64: _LONG}
_FEATURES = binding.get_host_cpu_features()
_NOTHING = ir.Constant(_BYTE.as_pointer(), None)


class Lanes(types.Type):
    """The type of sixteen numbers, in what numba compiles."""

    def __init__(self) -> None:
        super().__init__(name="Lanes")


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, of: Any) -> None:
        super().__init__(manager, of, _FLOATS)


class Numbers(types.Type):
    """The type of memory from an address on.

    dtype: numba's type of a kind
    """

    def __init__(self, dtype: Any) -> None:
        self.dtype = dtype
        super().__init__(name=f"Numbers({dtype})")


@register_model(Numbers)
class _NumbersModel(models.PrimitiveModel):
    def __init__(self, manager: Any, of: Any) -> None:
        super().__init__(manager, of, _HELD[of.dtype].as_pointer())


LANES = Lanes()
"""That type."""


def _all(number: float | int, kind: Any = _INTS) -> Any:
    """Return a constant, in every lane if that is what the type has."""
    return ir.Constant(kind, [number] * WIDTH if isinstance(kind, ir.VectorType) else number)


def _spread(builder: Any, number: Any, kind: Any) -> Any:
    one = builder.insert_element(ir.Constant(kind, ir.Undefined), number, _INT(0))
    return builder.shuffle_vector(one, ir.Constant(kind, ir.Undefined), _all(0))


def _picked(builder: Any, a: Any, b: Any, which: list[int]) -> Any:
    return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(_INT, len(which)), which))


@intrinsic
def numbers(context: Any, kind: Any, address: Any) -> Any:
    """Return the numbers of a kind from an address on; at address 0 there are none, and they count as false."""
    of = Numbers(kind)
    to = _HELD[kind].as_pointer()
    return of(kind, types.int64), lambda _, builder, __, given: builder.inttoptr(given[1], to)


@type_callable(bool)
def _(context: Any) -> Any:
    return lambda x: types.boolean if isinstance(x, Numbers) else None


@lower_builtin(bool, Numbers)
def _(context: Any, builder: Any, of: Any, given: Any) -> Any:
    return builder.icmp_unsigned("!=", builder.ptrtoint(given[0], _LONG), _LONG(0))


def _place(context: Any, builder: Any, kind: Any, given: Any, count: int = 1) -> Any:
    """Return the pointer to some numbers from an index on, of memory or of an array of one axis."""
    start = given[0] if isinstance(kind, Numbers) else context.make_array(kind)(context, builder, given[0]).data
    at = builder.gep(start, [given[1]])
    return at if count == 1 else builder.bitcast(at, ir.VectorType(_HELD[kind.dtype], count).as_pointer())


def _read(context: Any, builder: Any, kind: Any, given: Any, count: int = 1) -> Any:
    """Return numbers in float32, and integers of 32 and 64 bits as they are."""
    size = kind.dtype.bitwidth // 8
    found = builder.load(_place(context, builder, kind, given, count), align=size)
    if kind.dtype in (types.float32, types.int32, types.int64):
        return found
    return (_of_bfloat16 if kind.dtype == types.uint16 else _of_float16)(builder, found)


def _alike(lanes: Any, one: Any) -> Any:
    """Return a type, or as many of it as there are lanes."""
    return ir.VectorType(one, WIDTH) if isinstance(lanes.type, ir.VectorType) else one


def _of_bfloat16(builder: Any, found: Any) -> Any:
    whole = _alike(found, _INT)
    return builder.bitcast(builder.shl(builder.zext(found, whole), _all(16, whole)), _alike(found, _FLOAT))


def _of_float16(builder: Any, found: Any) -> Any:
    """Return numbers by their bits: a product moves the exponents, exactly and of the smallest too."""
    floats, whole = _alike(found, _FLOAT), _alike(found, _INT)
    if _FEATURES.get("f16c", False):
        return builder.fpext(builder.bitcast(found, _alike(found, ir.HalfType())), floats)
    bits = builder.zext(found, whole)
    size = builder.shl(builder.and_(bits, _all(0x7FFF, whole)), _all(13, whole))
    moved = builder.bitcast(builder.fmul(builder.bitcast(size, floats), _all(2.0**112, floats)), whole)
    special = builder.icmp_unsigned(">=", size, _all(0x7C00 << 13, whole))
    size = builder.select(special, builder.or_(size, _all(0x7F800000, whole)), moved)
    sign = builder.shl(builder.and_(bits, _all(0x8000, whole)), _all(16, whole))
    return builder.bitcast(builder.or_(size, sign), floats)


@intrinsic
def load(context: Any, x: Any, index: Any) -> Any:
    """Return sixteen numbers from an index on."""
    return LANES(x, types.int64), lambda of, builder, _, given: _read(of, builder, x, given, WIDTH)


@intrinsic
def get(context: Any, x: Any, index: Any) -> Any:
    """Return the number at an index, which is not counted from the end."""
    one = x.dtype if x.dtype in (types.int32, types.int64) else types.float32
    return one(x, types.int64), lambda of, builder, _, given: _read(of, builder, x, given)


@intrinsic
def store(context: Any, x: Any, index: Any, lanes: Any) -> Any:
    """Write sixteen numbers from an index on, in float32, or rounded to bfloat16, ties to even.

    NaN remains NaN as long as it is one that arithmetic gives.
    """
    if x.dtype not in (types.float32, types.uint16):
        return None

    def emit(of: Any, builder: Any, _: Any, given: Any) -> Any:
        found = given[2] if x.dtype == types.float32 else _to_bfloat16(builder, given[2])
        builder.store(found, _place(of, builder, x, given, WIDTH), align=x.dtype.bitwidth // 8)
        return _NOTHING

    return types.none(x, types.int64, LANES), emit


def _to_bfloat16(builder: Any, lanes: Any) -> Any:
    bits = builder.bitcast(lanes, _INTS)
    odd = builder.and_(builder.lshr(bits, _all(16)), _all(1))
    return builder.trunc(builder.lshr(builder.add(bits, builder.add(odd, _all(0x7FFF))), _all(16)), _SHORTS)


@intrinsic
def put(context: Any, x: Any, index: Any, number: Any) -> Any:
    """Write a number of float32 at an index, which is not counted from the end."""

    def emit(of: Any, builder: Any, _: Any, given: Any) -> Any:
        # LLVM leaves single what is atomic, which costs nothing; scatters of vectors are slower than what they replace.
        builder.store_atomic(given[2], _place(of, builder, x, given), "monotonic", 4)
        return _NOTHING

    return types.none(x, types.int64, types.float32), emit


@intrinsic
def store_sums(context: Any, x: Any, index: Any, a: Any, b: Any, c: Any, d: Any) -> Any:
    """Write the sums of four times sixteen numbers from an index on, each the one that `sum_of` returns."""

    def folded(builder: Any, x: Any, y: Any, size: int) -> Any:
        """Return the sums of both halves of each `2 * size` numbers, of x and then of y."""
        half = [begin + i for begin in range(0, 2 * WIDTH, 2 * size) for i in range(size)]
        return builder.fadd(_picked(builder, x, y, half), _picked(builder, x, y, [i + size for i in half]))

    def emit(of: Any, builder: Any, _: Any, given: Any) -> Any:
        sums = folded(builder, folded(builder, given[2], given[3], 8), folded(builder, given[4], given[5], 8), 4)
        for size in (2, 1):
            sums = builder.fadd(sums, _picked(builder, sums, sums, [i ^ size for i in range(WIDTH)]))
        builder.store(_picked(builder, sums, sums, [0, 4, 8, 12]), _place(of, builder, x, given, 4), align=4)
        return _NOTHING

    return types.none(x, types.int64, LANES, LANES, LANES, LANES), emit


@intrinsic
def spread(context: Any, number: Any) -> Any:
    """Return sixteen times a number."""
    return LANES(types.float32), lambda _, builder, __, given: _spread(builder, given[0], _FLOATS)


def _sign(symbol: Any, name: str) -> None:
    """Give numbers a sign of arithmetic by the instruction of that name."""

    @type_callable(symbol)
    def _(context: Any) -> Any:
        return lambda a, b: LANES if isinstance(a, Lanes) and isinstance(b, Lanes) else None

    @lower_builtin(symbol, Lanes, Lanes)
    def _(context: Any, builder: Any, of: Any, given: Any) -> Any:
        return getattr(builder, name)(*given)


for _symbol, _name in (
    (operator.add, "fadd"),
    (operator.sub, "fsub"),
    (operator.mul, "fmul"),
    (operator.truediv, "fdiv"),
):
    _sign(_symbol, _name)


@intrinsic
def fused(context: Any, a: Any, b: Any, c: Any) -> Any:
    """Return a * b + c, rounded once."""

    def emit(_: Any, builder: Any, __: Any, given: Any) -> Any:
        kind = ir.FunctionType(_FLOATS, [_FLOATS] * 3)
        return builder.call(cgutils.get_or_insert_function(builder.module, kind, f"llvm.fma.v{WIDTH}f32"), given)

    return LANES(LANES, LANES, LANES), emit


def _greater(builder: Any, a: Any, b: Any) -> Any:
    return builder.select(builder.fcmp_ordered(">", a, b), a, b)


@intrinsic
def greater(context: Any, a: Any, b: Any) -> Any:
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
def greatest_of(context: Any, lanes: Any) -> Any:
    """Return the greatest of sixteen numbers, none of which is NaN."""
    return types.float32(LANES), lambda _, builder, __, given: _folded(builder, given[0], _greater)


@intrinsic
def within(context: Any, lanes: Any, begin: Any, end: Any, other: Any) -> Any:
    """Return the numbers from the lane `begin` on and before `end`, and those of `other` in the rest."""

    def emit(_: Any, builder: Any, __: Any, given: Any) -> Any:
        places = ir.Constant(_INTS, list(range(WIDTH)))
        begin, end = (_spread(builder, builder.trunc(place, _INT), _INTS) for place in given[1:3])
        inside = builder.and_(builder.icmp_signed(">=", places, begin), builder.icmp_signed("<", places, end))
        return builder.select(inside, given[0], given[3])

    return LANES(LANES, types.int64, types.int64, LANES), emit


@compiled
def first(lanes: Any, count: Any) -> Any:
    """Return the first of sixteen numbers, so many, and zeros."""
    return within(lanes, 0, count, spread(FLOAT))


@compiled
def last(lanes: Any, count: Any) -> Any:
    """Return zeros, and the last of sixteen numbers, so many."""
    return within(lanes, WIDTH - count, WIDTH, spread(FLOAT))
