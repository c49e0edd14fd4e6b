"""The product of two packed factors, tile by tile, in whatever the processor has for it.

    c (32, 32) = start + sum over k of a (32, k) b (k, 32)

`AMX`        Intel's matrix unit: eight registers of 16 x 64 bytes. Four hold sums, two the
             tiles of each factor; one instruction multiplies 16 x 32 by 32 x 16 numbers.
`DOT`        AVX-512: each of 16 lanes multiplies a pair by a pair and adds to a float32.

Both sum in float32, in an order of their own within a tile, and take numbers below 1e-38 as
zero.

Source: Intel, "Intel 64 and IA-32 Architectures Software Developer's Manual", volume 1,
chapter 18 (AMX), and volume 2, TDPBF16PS and VDPBF16PS.
"""

# mypy: allow-untyped-defs, disable-error-code="arg-type"
from __future__ import annotations

import ctypes
import functools
import sys
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils

from minilm.kernels.bfloat16 import CAN_ROUND, LANES, TILE
from minilm.kernels.jit import helper
from minilm.kernels.processor import NAME, has
from minilm.kernels.vectors import constant, element_at, emitted

__all__ = ["AMX", "CAN_AMX", "DOT", "SIDE", "begin", "end", "engine", "engines", "multiply"]

DOT, AMX = 1, 2
SIDE = np.int64(32)  # rows and columns of c that one call computes
CAN_AMX = CAN_ROUND and has("amx-tile") and has("amx-bf16")

_INT8, _INT32, _INDEX = ir.IntType(8), ir.IntType(32), ir.IntType(64)
_WORDS, _REALS = ir.VectorType(_INT32, 16), ir.VectorType(ir.FloatType(), 16)
_ADDRESS = _INT8.as_pointer()
_SYS_ARCH_PRCTL, _ARCH_REQ_XCOMP_PERM, _XTILEDATA = 158, 0x1023, 18  # of Linux on x86-64


@functools.cache
def engines() -> tuple[int, ...]:
    """What this machine has, the faster first; `multiply` may be called with these only."""
    found = [AMX] if CAN_AMX and _may_use_matrix_unit() else []
    return tuple(found + ([DOT] if CAN_ROUND else []))


@functools.cache
def engine() -> int:
    """The one that is faster than float32, or 0: then numbers rounded to bfloat16 are multiplied
    as float32.

    AMD's processors take an instruction of DOT's in the time of a multiply-add of float32, which
    does half as much. Intel's take four times as long: 88 GFLOP/s on one core beside 178.
    """
    found = engines()[:1]
    return found[0] if AMX in found or (found and NAME.startswith("znver")) else 0


def _may_use_matrix_unit() -> bool:
    """Ask the system, which keeps 8 kB more for each thread of a process that may."""
    if sys.platform != "linux":
        return False
    system = ctypes.CDLL(None).syscall
    return bool(system(_SYS_ARCH_PRCTL, _ARCH_REQ_XCOMP_PERM, _XTILEDATA) == 0)


def _call(builder: Any, name: str, *arguments: Any) -> None:
    kind = ir.FunctionType(ir.VoidType(), [argument.type for argument in arguments])
    function = cgutils.get_or_insert_function(builder.module, kind, f"llvm.x86.{name}")
    builder.call(function, arguments)


@emitted
def _configure(typingctx, shape):
    """The sizes of the matrix unit's registers."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        if CAN_AMX:
            address = element_at(context, builder, signature.args[0], arguments[0], constant(0))
            _call(builder, "ldtilecfg", builder.bitcast(address, _ADDRESS))
        return context.get_dummy_value()

    return types.void(shape), codegen


@emitted
def _release(typingctx):
    """Registers that nobody uses need not be saved when the thread is interrupted."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        if CAN_AMX:
            _call(builder, "tilerelease")
        return context.get_dummy_value()

    return types.void(), codegen


@helper()
def begin(engine):
    """To be called in each thread before `multiply`."""
    if engine == AMX:
        shape = np.zeros(64, np.uint8)
        shape[0] = 1
        for register in range(8):
            shape[16 + 2 * register], shape[48 + register] = 64, 16  # bytes a row, rows
        _configure(shape)


@helper()
def end(engine):
    """To be called in each thread when it has multiplied."""
    if engine == AMX:
        _release()


class _Product:
    """The arguments of a tile product, and the addresses they stand for."""

    def __init__(self, context: Any, builder: Any, signature: Any, arguments: Any) -> None:
        a, a0, a1, b, b0, b1, self.n_steps, start, start0, c, c0, self.c_row, self.adding = (
            arguments
        )
        kinds = signature.args

        def address(place: int, array: Any, offset: Any) -> Any:
            return element_at(context, builder, kinds[place], array, offset)

        self.builder = builder
        self.a = [address(0, a, offset) for offset in (a0, a1)]
        self.b = [address(3, b, offset) for offset in (b0, b1)]
        self.start, self.c = address(7, start, start0), address(9, c, c0)

    def c_at(self, i: int, j: int) -> Any:
        """The address of row i, column j of c."""
        offset = self.builder.add(self.builder.mul(self.c_row, constant(i)), constant(j))
        return self.builder.gep(self.c, [offset])

    def loop(self, n: Any, initial: list[Any], step: Any) -> list[Any]:
        """``values = step(k, values)`` for k below n, which is above 0."""
        builder = self.builder
        before = builder.block
        body, done = builder.append_basic_block("steps"), builder.append_basic_block("stepped")
        builder.branch(body)
        builder.position_at_end(body)
        k, values = builder.phi(_INDEX), [builder.phi(value.type) for value in initial]
        new, following = step(k, values), builder.add(k, constant(1))
        pairs = [(k, constant(0), following), *zip(values, initial, new, strict=True)]
        for value, first, after in pairs:
            value.add_incoming(first, before)
            value.add_incoming(after, builder.block)
        builder.cbranch(builder.icmp_signed("<", following, n), body, done)
        builder.position_at_end(done)
        return new


def _by_matrix_unit(product: _Product) -> None:
    builder = product.builder
    stride = constant(64)

    def load(register: int, address: Any, row: Any) -> None:
        place = builder.bitcast(address, _ADDRESS)
        _call(builder, "tileloadd64", ir.Constant(_INT8, register), place, row)

    sums = [(2 * i + j, product.c_at(16 * i, 16 * j), j) for i in range(2) for j in range(2)]
    c_row = builder.mul(product.c_row, constant(4))
    with builder.if_else(product.adding) as (adding, setting):
        with adding:
            for register, address, _ in sums:
                load(register, address, c_row)
        with setting:
            for register, _, j in sums:
                load(register, builder.gep(product.start, [constant(16 * j)]), constant(0))

    def step(k: Any, _: list[Any]) -> list[Any]:
        offset = builder.mul(k, constant(int(TILE)))
        for register, place in ((4, product.a[0]), (6, product.b[0]), (7, product.b[1]),
                                (5, product.a[1])):  # fmt: skip
            load(register, builder.gep(place, [offset]), stride)
        for register, _, j in sums:
            numbers = (register, 4 + register // 2, 6 + j)
            _call(builder, "tdpbf16ps", *(ir.Constant(_INT8, number) for number in numbers))
        return []

    product.loop(product.n_steps, [], step)
    for register, address, _ in sums:
        place = builder.bitcast(address, _ADDRESS)
        _call(builder, "tilestored64", ir.Constant(_INT8, register), place, c_row)


def _by_vectors(product: _Product) -> None:
    """Eight rows of c: a[0] begins at the first of them."""
    builder = product.builder

    def spread(value: Any) -> Any:
        one = builder.insert_element(ir.Constant(_WORDS, ir.Undefined), value, _lane(0))
        return builder.shuffle_vector(one, one, ir.Constant(_WORDS, [0] * 16))

    def at(address: Any, kind: Any) -> Any:
        return builder.bitcast(address, kind.as_pointer())

    def step(k: Any, sums: list[Any]) -> list[Any]:
        b = [
            builder.load(at(builder.gep(x, [builder.mul(k, constant(16))]), _WORDS), align=4)
            for x in product.b
        ]
        pair = builder.add(
            builder.mul(builder.lshr(k, constant(4)), constant(int(TILE))),
            builder.and_(k, constant(15)),
        )
        new = []
        for i in range(8):
            place = builder.gep(product.a[0], [builder.add(pair, constant(16 * i))])
            word = spread(builder.load(place))
            new += [_dot(builder, word, b[j], sums[2 * i + j]) for j in range(2)]
        return new

    zeros = [ir.Constant(_REALS, None)] * 16
    n_pairs = builder.mul(product.n_steps, constant(16))
    sums = product.loop(n_pairs, zeros, step)
    for i in range(8):
        for j in range(2):
            place = at(product.c_at(i, 16 * j), _REALS)
            first = at(builder.gep(product.start, [constant(16 * j)]), _REALS)
            source = builder.select(product.adding, place, first)
            value = builder.fadd(builder.load(source, align=4), sums[2 * i + j])
            builder.store(value, place, align=4)


def _lane(i: int) -> ir.Constant:
    return ir.Constant(_INT32, i)


def _dot(builder: Any, a: Any, b: Any, total: Any) -> Any:
    """total + the sum of each lane's two products, by the processor's instruction."""
    kind = ir.FunctionType(_REALS, [_REALS, _WORDS, _WORDS])
    name = "llvm.x86.avx512bf16.dpbf16ps.512"
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), [total, a, b])


def _engine(available: bool, emit: Any) -> Any:
    """A tile product as a function that kernels call."""

    def tile(typingctx, a, a0, a1, b, b0, b1, n_steps, start, start0, c, c0, c_row, adding):
        def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            if available:
                emit(_Product(context, builder, signature, arguments))
            return context.get_dummy_value()

        whole = types.intp
        signature = types.void(
            a, whole, whole, b, whole, whole, whole, start, whole, c, whole, whole, types.boolean
        )
        return signature, codegen

    return emitted(tile)


_amx_tile = _engine(CAN_AMX, _by_matrix_unit)
_dot_tile = _engine(CAN_ROUND, _by_vectors)


@helper(apart=True)
def multiply(a, a0, a1, b, b0, b1, n_steps, start, start0, c, c0, c_row, adding, engine):
    """c[32, 32] from c0 on = start[32] + a b, or c += a b if `adding`; n_steps is above 0.

    a0, a1, b0, b1: the first of n_steps tiles of each half of the rows of a and columns of b.
    """
    if engine == AMX:
        _amx_tile(a, a0, a1, b, b0, b1, n_steps, start, start0, c, c0, c_row, adding)
        return
    for i in range(0, SIDE, 8):
        rows = (a0 if i < LANES else a1) + i % LANES * LANES
        to = c0 + i * c_row
        _dot_tile(a, rows, rows, b, b0, b1, n_steps, start, start0, c, to, c_row, adding)
