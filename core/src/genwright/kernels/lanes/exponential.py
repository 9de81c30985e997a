"""Exponentials of sixteen numbers at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba.extending import intrinsic

from genwright.kernels.lanes.loop import compiled
from genwright.kernels.lanes.number import LANES, WIDTH, fused, greater, spread

__all__ = ["exp", "exp2"]

_FLOATS, _INTS = (ir.VectorType(one, WIDTH) for one in (ir.FloatType(), ir.IntType(32)))
# So large that its last bit counts ones: a sum with it is rounded to an integer, and 0 becomes the exponent of 1.
_LARGE = np.float32(12582912 + 127)
# Of Cephes, from the highest power on.
_OF_E = tuple(
    np.float32(value)
    for value in (
        1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1, 1, 1,
    )
)  # fmt: skip
# Of 2 to the x between -1/2 and 1/2, by least relative error, which is 2e-9.
_OF_TWO = tuple(
    np.float32(value)
    for value in (0.00015345812, 0.0013399931, 0.0096184891, 0.055503286, 0.24022646, 0.69314718, 1)
)  # fmt: skip


@intrinsic
def _scaled(context: Any, lanes: Any, power: Any) -> Any:
    """Return numbers times the power of 2 of which the last bits of `power` have the exponent."""

    def emit(_: Any, builder: Any, __: Any, given: Any) -> Any:
        bits = builder.shl(builder.bitcast(given[1], _INTS), ir.Constant(_INTS, [23] * WIDTH))
        return builder.fmul(given[0], builder.bitcast(bits, _FLOATS))

    return LANES(LANES, LANES), emit


@compiled
def _polynomial(x: Any, coefficients: Any) -> Any:
    found = spread(coefficients[0])
    for coefficient in coefficients[1:]:
        found = fused(found, x, spread(coefficient))
    return found


@compiled
def exp(x: Any) -> Any:
    """Return e to the x, to 8e-8 of it, for x to 88; 0 below -87.7, and NaN of NaN.

    Source of the polynomial and of the split logarithm of 2: Moshier, Cephes Mathematical Library, expf.
    """
    x = greater(spread(np.float32(-88)), x)
    power = fused(x, spread(np.float32(1.44269504)), spread(_LARGE))
    whole = power - spread(_LARGE)
    x = fused(whole, spread(np.float32(-0.693359375)), x)
    x = fused(whole, spread(np.float32(2.12194440e-4)), x)
    return _scaled(_polynomial(x, _OF_E), power)


@compiled
def exp2(x: Any) -> Any:
    """Return 2 to the x, to 8e-8 of it, for x below 128; 0 below -126.5, and NaN of NaN.

    It does less than `exp`. Of x times a logarithm it is less exact the larger x is: to 4e-6 of e to the 87.
    """
    x = greater(spread(np.float32(-127)), x)
    power = x + spread(_LARGE)
    return _scaled(_polynomial(x - (power - spread(_LARGE)), _OF_TWO), power)
