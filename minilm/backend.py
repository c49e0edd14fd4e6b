"""Which twin runs: the readable `minilm.reference` or the compiled `minilm.kernels`.

Layers never import an operation by its folder. They write

    from minilm.backend import ops
    y, saved = ops.layer_norm.forward(x, weight, bias)

and `ops` looks the module up in the twin that is active: the kernel where one exists,
else the reference, which is then already the fastest (NumPy and BLAS).

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

__all__ = ["TWINS", "active", "ops", "using"]

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
        mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)
        mallopt(_M_MMAP_THRESHOLD, 2**30)


_keep_freed_memory()

TWINS = ("kernels", "reference")

_active: ContextVar[str] = ContextVar("minilm_twin", default="kernels")


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


@functools.cache
def _module(twin: str, name: str) -> ModuleType:
    if twin == "kernels" and not (Path(__file__).parent / "kernels" / f"{name}.py").exists():
        twin = "reference"
    return importlib.import_module(f"minilm.{twin}.{name}")


class _Operations:
    """`ops.NAME` is the module of operation NAME in the active twin."""

    def __getattr__(self, name: str) -> ModuleType:
        if name.startswith("_"):
            raise AttributeError(name)
        return _module(_active.get(), name)


ops = _Operations()
