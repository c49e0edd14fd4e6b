r"""exp and sigmoid that a loop can use eight or sixteen numbers at a time.

`math.exp` is a call for each number, which keeps the loop around it scalar. In float32

    exp(x) = 2^n e^r,    n = round(x / ln 2),  r = x - n ln 2  in  [-ln 2 / 2, ln 2 / 2]

with a polynomial for e^r and the bits of n as an exponent needs only operations that
every CPU has for vectors. Its relative error is at most 1.5 units in the last place
(1e-7). Below -87.3 the result is exactly 0, where exp would go on with denormal numbers;
above 88.3 (2.2e38) it is infinite; NaN stays NaN. float64, which serves the gradient
checks, is left to `math.exp`.
"""

# mypy: allow-untyped-defs
from __future__ import annotations

import math
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload

from minilm.kernels.jit import helper

__all__ = ["as_bits", "as_float", "exp", "like", "sigmoid", "times_sigmoid"]

_LOG2_E = np.float32(1 / math.log(2))
# ln 2 in two parts: n times the first is exact, since it ends in zeros.
_LN2_HIGH = np.float32(math.floor(math.log(2) * 2**12) / 2**12)
_LN2_LOW = np.float32(math.log(2) - float(_LN2_HIGH))
# e^r = 1 + r + r^2 q(r): q fitted for the least largest relative error, which is 3e-9.
_Q = tuple(np.float32(q) for q in (0.49999994, 0.16666521, 0.041668389, 0.0083687166, 0.0013814599))
_LOWEST = np.float32(-87.3)
_HIGHEST = np.float32(88.3)  # the last that rounds to 2^127
# Adding 1.5 * 2^23 to a float32 below 2^22 rounds it to an integer and leaves that
# integer in the low bits; shifted by 23 they are the exponent.
_ROUND = np.float32(1.5 * 2**23)
_SHIFT = np.int32(23)
_ONE = np.float32(1)


def _reinterpret(source: Any, target: Any, llvm_type: Any) -> Any:
    """A compiled function that takes the bits of one type for those of another."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], llvm_type)

    def typing(typingctx: Any, x: Any) -> Any:
        return target(source), codegen

    return intrinsic(typing)


as_bits = _reinterpret(types.float32, types.int32, ir.IntType(32))
as_float = _reinterpret(types.int32, types.float32, ir.FloatType())


@helper(exact=True)
def _exp_float32(x):
    # Written so that a comparison with NaN, which is false, keeps x.
    bounded = _LOWEST if x < _LOWEST else x
    bounded = _HIGHEST if bounded > _HIGHEST else bounded
    shifted = bounded * _LOG2_E + _ROUND
    n = shifted - _ROUND
    r = (bounded - n * _LN2_HIGH) - n * _LN2_LOW
    q = _Q[0] + r * (_Q[1] + r * (_Q[2] + r * (_Q[3] + r * _Q[4])))
    power = as_float(np.int32(np.int32(as_bits(shifted) << _SHIFT) + as_bits(_ONE)))
    y = (_ONE + (r + (r * r) * q)) * power
    y = np.float32(np.inf) if x > _HIGHEST else y
    return np.float32(0) if x < _LOWEST else y


def exp(x):
    """e to the x, for kernels: a polynomial in float32, `math.exp` in float64."""
    return math.exp(x)


@overload(exp)
def _exp(x):
    if x == types.float32:
        return lambda x: _exp_float32(x)
    return lambda x: math.exp(x)


def like(x, value):
    """A constant in the type of x. Kernels need it: a bare 0.5 or 1 would be a float64
    or int64, and turn all arithmetic with it to float64."""
    return value


@overload(like)
def _like(x, value):
    if x == types.float32:
        return lambda x, value: np.float32(value)
    return lambda x, value: np.float64(value)


@helper()
def sigmoid(x):
    """s = 1 / (1 + exp(-x)), and its derivative s (1 - s).

    Both by way of exp(-|x|), which does not overflow; and the second as a product, since
    1 - s would lose its digits where s is near 1.
    """
    one, e = like(x, 1), exp(-abs(x))
    share = one / (one + e)
    small = e * share  # the smaller of s and 1 - s
    return (small if x < like(x, 0) else share), small * share


@helper(exact=True)
def times_sigmoid(x, z):
    """x * sigmoid(z), rounded once less than by way of `sigmoid`."""
    return x / (like(x, 1) + exp(-z))
