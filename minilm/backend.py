"""Which twin runs: the readable `minilm.reference` or the compiled `minilm.kernels`.

Layers never import an operation by its folder. They write

    from minilm.backend import ops
    y, saved = ops.layer_norm.forward(x, weight, bias)

and `ops` looks the module up in the twin that is active: the kernel where one exists,
else the reference, which is then already the fastest (NumPy and BLAS).

Thread arrangement
------------------
Two thread pools share the cores: OpenBLAS runs the matrix products, Numba's runs the
kernels. A pool may keep its idle workers spinning for the next job, on the very cores that
the other pool needs. Here idle workers are told to sleep:

- ``OMP_WAIT_POLICY=passive``: Numba's OpenMP workers sleep at once.
- ``OPENBLAS_THREAD_TIMEOUT=16``: OpenBLAS's wait 2^16 clock ticks (some 25 us) and not the
  default 2^26. So they are awake for a product that follows at once, and asleep while a
  long kernel runs.

Measured on 2 cores (x86-64, OpenBLAS 0.3.31, GNU OpenMP), medians in us of a matrix product
and a GELU in turn; the first column is 0.1 GFLOP with 100,000 numbers, the second 4.8
GFLOP with 6,000,000, which alone take 430 + 90 and 16,200 + 1,780:

    OMP_WAIT_POLICY  OPENBLAS_THREAD_TIMEOUT    small     large
    active           26 (default)               8,001    39,882
    active           4                            548    35,909
    unset            26                           519    21,238
    passive          26                           499    21,047
    passive          4                            552    19,013
    passive          16                           555    18,975

With a timeout of 4 a product that follows another must wake its worker: some 20 us each.
Numba's own "workqueue" layer, all there is where no OpenMP library is found,
knows no spinning and fits in without any setting: 602 and 21,348, with a timeout of 4 645
and 19,440. It must not be entered by two Python threads at once; so the kernels are to be
called from one thread. Waking Numba's workers costs some 50 us (workqueue: 100), so each
kernel runs on the calling thread alone below a size of its own (see `kernels.jit.kernel`).

On a machine whose cores are busy with other programs every pool suffers, OpenBLAS most: its
threads wait for each other within one product, and one that has lost its core for a time
slice makes 0.4 ms into 8. Then OPENBLAS_NUM_THREADS and NUMBA_NUM_THREADS should leave
cores free.

The variables must be set before the libraries start their pools, so this module must be
the first that the package imports. A value that the user has set stays.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import os
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path
from types import ModuleType

__all__ = ["TWINS", "active", "ops", "using"]

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "16")

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
