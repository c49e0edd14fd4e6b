"""What this machine and its settings let minilm do, and which of them hold it back.

`examine` gathers the facts, `advice` judges them and nothing else.
"""

from __future__ import annotations

import ctypes
import importlib
import importlib.metadata
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import minilm

__all__ = ["Facts", "advice", "examine"]

VARIABLES = (
    "OPENBLAS_CORETYPE", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "OMP_WAIT_POLICY",
    "NUMBA_NUM_THREADS", "NUMBA_THREADING_LAYER", "NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES",
    "NUMBA_DISABLE_JIT", "NUMBA_OPT", "NUMBA_CACHE_DIR", "MINILM_CACHE",
)  # fmt: skip
PACKAGES = ("numpy", "numba", "llvmlite")
BUSY = 0.2  # of the cores, from which on other programs are worth a word


@dataclass(frozen=True)
class Facts:
    """What there is.

    Attributes
    ----------
    cores : int
        That this process may use; `threads` of them run kernels.
    thread_layer : str
        Numba's: omp, tbb or workqueue.
    host_vector_bytes, vector_bytes : int
        Of the processor, and of what the kernels are compiled for.
    bf16 : str
        What ``--precision bf16`` multiplies with: AMX, AVX512-BF16, or float32, no faster.
    blas, blas_core : str
        The library behind NumPy's products, and the kind of processor it takes this for.
    others_busy : float
        The share of all cores that other programs use now.
    """

    processor: str
    cores: int
    threads: int
    thread_layer: str
    compiled_for: str
    host_vector_bytes: int
    vector_bytes: int
    bf16: str
    blas: str
    blas_core: str
    blas_threads: int
    memory_bytes: int
    available_bytes: int
    cache_folder: str
    cache_writable: bool
    others_busy: float
    versions: dict[str, str]
    environment: dict[str, str] = field(default_factory=dict)


def examine() -> Facts:
    """Look at this machine, this process and its environment; takes half a second."""
    import llvmlite.binding
    import numba
    import numpy as np
    import psutil

    from minilm import machine
    from minilm.kernels.bfloat16_tiles import AMX, DOT, engine
    from minilm.kernels.code_cache import cache_folder
    from minilm.kernels.processor import BYTES

    names = {AMX: "AMX", DOT: "AVX512-BF16"}

    psutil.cpu_percent(None)
    own = psutil.Process()
    own.cpu_percent(None)
    features = {k for k, on in llvmlite.binding.get_host_cpu_features().items() if on}
    built: Any = np.show_config(mode="dicts")
    blas = built.get("Build Dependencies", {}).get("blas", {})
    settings: Any = numba.config
    core, threads = _openblas()
    layer = _thread_layer()
    folder = cache_folder()
    busy = psutil.cpu_percent(0.3) - own.cpu_percent(None) / (os.cpu_count() or 1)
    return Facts(
        processor=machine.processor(),
        cores=machine.threads(),
        threads=numba.get_num_threads(),
        thread_layer=layer,
        compiled_for=str(settings.CPU_NAME or llvmlite.binding.get_host_cpu_name()),
        host_vector_bytes=_vector_bytes(features),
        vector_bytes=BYTES,
        bf16=names.get(engine(), "float32"),
        blas=f"{blas.get('name', 'unknown')} {blas.get('version', '')}".strip(),
        blas_core=core,
        blas_threads=threads,
        memory_bytes=psutil.virtual_memory().total,
        available_bytes=machine.available_bytes(),
        cache_folder=str(folder),
        cache_writable=_writable(str(folder)),
        others_busy=max(0.0, busy / 100),
        versions=_versions(),
        environment={name: os.environ[name] for name in VARIABLES if name in os.environ},
    )


def _vector_bytes(features: set[str]) -> int:
    if "avx512f" in features:
        return 64
    return 32 if {"avx2", "fma"} <= features else 16


def _openblas() -> tuple[str, int]:
    """OpenBLAS's name for this processor and its threads; ("", 0) if NumPy has another BLAS."""
    try:
        extension = importlib.import_module("numpy._core._multiarray_umath")
        library: Any = ctypes.CDLL(extension.__file__)
    except (ImportError, OSError, AttributeError):
        return "", 0
    # The names that NumPy's own build, its 64-bit form and a system's library have.
    for before in ("scipy_", ""):
        for after in ("64_", ""):
            try:
                core = getattr(library, f"{before}openblas_get_corename{after}")
                threads = getattr(library, f"{before}openblas_get_num_threads{after}")
            except AttributeError:
                continue
            core.restype = ctypes.c_char_p
            return core().decode(errors="replace"), int(threads())
    return "", 0


def _thread_layer() -> str:
    """The layer that Numba chooses when it first runs on several threads."""
    import numba
    import numpy as np

    from minilm.kernels import reading

    try:
        reading.total(np.ones(1, np.float32))
        return str(numba.threading_layer())
    except ValueError as error:
        return f"none ({error})"


def _writable(folder: str) -> bool:
    """Whether the folder, or the nearest one above it that exists, can be written."""
    while not os.path.isdir(folder):
        folder, before = os.path.dirname(folder), folder
        if folder == before:
            return False
    return os.access(folder, os.W_OK)


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version(), "minilm": minilm.__version__}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def advice(facts: Facts) -> list[str]:
    """What holds this machine back, a line each, the gravest first; empty if nothing does."""
    found = []
    env: Mapping[str, str] = facts.environment
    if facts.vector_bytes < facts.host_vector_bytes:
        cause = next((n for n in ("NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES") if n in env), "")
        found.append(
            f"kernels use vectors of {facts.vector_bytes} bytes where the processor has "
            f"{facts.host_vector_bytes}" + (f": unset {cause}" if cause else "")
        )
    if facts.threads < facts.cores:
        found.append(
            f"kernels run on {facts.threads} of {facts.cores} cores: "
            + _unset(env, ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS"))
        )
    if facts.thread_layer.startswith(("workqueue", "none")):
        found.append(
            "Numba found no OpenMP library, so that each parallel loop takes 0.1 ms to start: "
            "install libgomp (Linux) or libomp (macOS)"
            + ("; unset NUMBA_THREADING_LAYER" if "NUMBA_THREADING_LAYER" in env else "")
        )
    if env.get("OMP_WAIT_POLICY", "").lower() == "passive":
        found.append("threads sleep between loops, 60 us each: unset OMP_WAIT_POLICY")
    if env.get("NUMBA_OPT", "3") not in ("3", "max"):
        found.append("kernels are not fully optimised: unset NUMBA_OPT")
    if not facts.cache_writable:
        found.append(
            f"{facts.cache_folder} cannot be written, so that every process compiles its kernels "
            "again: set MINILM_CACHE to a folder that can"
        )
    if facts.others_busy > BUSY:
        found.append(
            f"other programs use {facts.others_busy:.0%} of the cores, and a parallel loop waits "
            "for its slowest thread: stop them, or lower NUMBA_NUM_THREADS"
        )
    return found + _about_blas(facts, env)


def _about_blas(facts: Facts, env: Mapping[str, str]) -> list[str]:
    """Of less weight: BLAS serves the reference, `sgemm_gflops` and a few small products."""
    found = []
    if "OPENBLAS_CORETYPE" in env:
        found.append(
            f"BLAS takes this processor for {facts.blas_core or env['OPENBLAS_CORETYPE']}, and "
            "shares of peak are measured against that: unset OPENBLAS_CORETYPE"
        )
    if 0 < facts.blas_threads < facts.cores:
        found.append(
            f"BLAS runs on {facts.blas_threads} of {facts.cores} cores: "
            + _unset(env, ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"))
        )
    return found


def _unset(env: Mapping[str, str], names: tuple[str, ...]) -> str:
    present = [name for name in names if name in env]
    return f"unset {' and '.join(present)}" if present else "no variable says so; it is its choice"
