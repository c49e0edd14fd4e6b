"""Which twin runs: the readable `minilm.reference` or the compiled `minilm.kernels`.

Layers never import an operation by its folder. They write

    from minilm.backend import ops
    y, saved = ops.layer_norm.forward(x, weight, bias)

and `ops` looks the module up in the twin that is active: the kernel where one exists,
else the reference, which is then already the fastest (NumPy and BLAS).

Thread arrangement
------------------
Two thread pools share the cores: OpenBLAS runs the matrix products, Numba's runs the
kernels. By default each pool keeps its idle workers spinning for the next job, on the
very cores that the other pool needs. Idle workers are therefore told to sleep: the
variables below, which must be set before the libraries start their pools, so this
module must be the first that the package imports. A value that the user has set stays.
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
os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "4")

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
