"""What this machine has: matrix-multiply speed, and memory with its speed, all measured."""

from __future__ import annotations

import os
import platform
import sys
import time
from pathlib import Path

import numpy as np
import psutil

__all__ = [
    "available_bytes",
    "peak_bytes",
    "processor",
    "read_gigabytes",
    "resident_bytes",
    "sgemm_gflops",
    "threads",
]


def sgemm_gflops(seconds: float = 0.25, size: int = 1024) -> float:
    """The best rate of a float32 matrix product within `seconds`, in GFLOP/s.

    The best, not the mean: the figure is the ceiling that a training step is held against.
    """
    a = np.full((size, size), 0.5, np.float32)
    out = np.empty_like(a)
    np.matmul(a, a, out=out)  # wakes BLAS's threads, and touches all memory
    best = 0.0
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or not best:
        started = time.perf_counter()
        np.matmul(a, a, out=out)
        best = max(best, 2 * size**3 / (time.perf_counter() - started) / 1e9)
    return best


def read_gigabytes(seconds: float = 0.25, size: int = 2**28) -> float:
    """The best rate at which all threads read an array of `size` bytes, in GB/s.

    The array should be larger than the caches. The figure is the ceiling of work that does
    little with each number, such as the generation of a token.
    """
    from minilm.kernels import reading  # not before it is needed: Numba takes a while to load

    x = np.ones(size // 4, np.float32)
    reading.total(x)  # compiles, and touches all memory
    best = 0.0
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or not best:
        started = time.perf_counter()
        reading.total(x)
        best = max(best, x.nbytes / (time.perf_counter() - started) / 1e9)
    return best


def available_bytes() -> int:
    """Memory that a new array could use: what is free, or what a container allows."""
    free = psutil.virtual_memory().available
    limit = _container_limit()
    return free if limit is None else min(free, limit - resident_bytes())


def _container_limit() -> int | None:
    """The limit of the control group, version 2 or 1, where Linux sets one."""
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            text = Path(path).read_text().strip()
        except OSError:
            continue
        if text.isdigit() and int(text) < 2**60:
            return int(text)
    return None


def resident_bytes() -> int:
    """Memory that this process holds now."""
    return int(psutil.Process().memory_info().rss)


def peak_bytes() -> int:
    """The most memory that this process has held so far."""
    if sys.platform == "win32":
        return int(psutil.Process().memory_info().peak_wset)
    status = Path("/proc/self/status")
    if status.exists():
        # Not getrusage: its figure survives exec, so it may be the parent's.
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def processor() -> str:
    """The name of the processor, where the system tells, or else of its architecture."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def threads() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
