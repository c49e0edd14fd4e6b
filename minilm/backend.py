"""Which twin runs: the readable `minilm.reference` or the compiled `minilm.kernels`.

Layers never import an operation by its folder. They write

    from minilm.backend import ops
    y, saved = ops.layer_norm.forward(x, weight, bias)

and `ops` looks the module up in the twin that is active: the kernel where one exists,
else the reference, which is then already the fastest (NumPy and BLAS).

In mixed precision (`computing`) an operation that has a form for it, such as `linear_bf16`,
stands in for the plain one. Layers do not know.

Thread arrangement
------------------
One pool of threads, Numba's, does all the work: the kernels and, in `kernels.linear`, the
matrix products. OpenBLAS, which NumPy brings, would need a pool of its own, and two pools on
the same cores get in each other's way: idle workers of one keep spinning on the cores that
the other needs. OpenBLAS is left to the reference and told to sleep after each product.

Waking a sleeping worker takes 60 us, more than most kernels of a small model. So Numba's
workers look out for new work for about a millisecond before they sleep. A parallel loop
that does nothing, in us (2 cores, x86-64, GNU OpenMP), by the time since the last one:

                                0     20 us   200 us    2 ms
    OMP_WAIT_POLICY=passive    63        65       79      86
    GOMP_SPINCOUNT=100000       1.6       1.6      1.8    35
    OMP_WAIT_POLICY=active      1.8       1.8      2.0     3.8
    workqueue layer           109       126      145     174

"active" would spin for ever, beside other programs too. Numba's own "workqueue" layer is
all there is where no OpenMP library is found; it must not be entered by two Python threads
at once, so the kernels are to be called from one thread.

On a machine whose cores are busy with other programs a loop waits for the thread that has
lost its core. Then NUMBA_NUM_THREADS should leave cores free.

Memory
------
A step allocates and frees the same arrays again and again. The C library gives large ones
back to the system each time and gets them back empty, page by page: a third of a small
model's step. With glibc it is told to keep what is freed, so that the arrays of one step
are the workspace of the next.

The variables must be set before the libraries start their pools, so this module must be
the first that the package imports. A value that the user has set stays.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import importlib
import os
import sys
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path
from types import ModuleType

from minilm.errors import MinilmError, did_you_mean

__all__ = ["PRECISIONS", "TWINS", "active", "computing", "ops", "using"]

if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "100000")
    os.environ.setdefault("KMP_BLOCKTIME", "1")
os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "4")

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # of mallopt(3)


def _keep_freed_memory() -> None:
    """Let glibc reuse memory; elsewhere, or if the user has settings, leave all as it is."""
    if sys.platform != "linux" or any(name.startswith("MALLOC_") for name in os.environ):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt:
        mallopt(_M_TRIM_THRESHOLD, -1)  # never: a step may free more than the highest, 2 GB
        mallopt(_M_MMAP_THRESHOLD, 2**31 - 1)


_keep_freed_memory()

TWINS = ("kernels", "reference")

PRECISIONS = ("float32", "bf16")

_active: ContextVar[str] = ContextVar("minilm_twin", default="kernels")
_precision: ContextVar[str] = ContextVar("minilm_precision", default="float32")


def active() -> str:
    """The name of the twin that runs now."""
    return _active.get()


@contextlib.contextmanager
def using(twin: str) -> Iterator[None]:
    """Run the enclosed code on one twin: ``with using("reference"): ...``.

    Raises
    ------
    ValueError
        If `twin` is not one of `TWINS`.
    """
    if twin not in TWINS:
        raise ValueError(f"no twin {twin!r}; choose from {', '.join(TWINS)}")
    token = _active.set(twin)
    try:
        yield
    finally:
        _active.reset(token)


@contextlib.contextmanager
def computing(precision: str) -> Iterator[None]:
    """Run the enclosed code in mixed precision: ``with computing("bf16"): ...``.

    "bf16" multiplies matrices in bfloat16 and keeps all else in float32 (for arrays of
    float32; float64 stays as it is). Where the processor has no instruction for that which
    is faster than float32 (see `has_bf16`), it rounds alike, at the speed of float32.

    Raises
    ------
    MinilmError
        If `precision` is not one of `PRECISIONS`.
    """
    if precision not in PRECISIONS:
        raise MinilmError(f"precision {precision!r}{did_you_mean(precision, PRECISIONS)}")
    token = _precision.set(precision)
    try:
        yield
    finally:
        _precision.reset(token)


def has_bf16() -> bool:
    """Whether the processor multiplies in bfloat16 faster than in float32."""
    from minilm.kernels.bfloat16_tiles import engine

    return bool(engine())


def _exists(twin: str, name: str) -> bool:
    return (Path(__file__).parent / twin / f"{name}.py").exists()


@functools.cache
def _module(twin: str, precision: str, name: str) -> ModuleType:
    if precision != "float32" and _exists("reference", f"{name}_bf16"):
        name = f"{name}_bf16"
    if not _exists(twin, name):
        twin = "reference"
    return importlib.import_module(f"minilm.{twin}.{name}")


class _Operations:
    """`ops.NAME` is the module of operation NAME in the active twin."""

    def __getattr__(self, name: str) -> ModuleType:
        if name.startswith("_"):
            raise AttributeError(name)
        return _module(_active.get(), _precision.get(), name)


ops = _Operations()
