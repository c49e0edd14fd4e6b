"""The processor that the kernels are compiled for.

LLVM knows processors with AVX-512 that clocked lower while they used its vectors of 512 bits,
and makes loops of 256 bits for all of them. Since then they do not, and a loop of GELU takes a
fifth less time with the wider ones. So Numba is told to prefer these, in the whole process,
unless its user has chosen a processor or features.
"""

from __future__ import annotations

import functools
from typing import Any

import llvmlite.binding
import numba

__all__ = ["BYTES", "MANY_REGISTERS", "NAME", "has"]

_config: Any = numba.config
_chosen = _config.CPU_NAME is not None or _config.CPU_FEATURES is not None


@functools.cache
def _features() -> dict[str, bool]:
    """What it can do, by LLVM's names."""
    if not _chosen:
        return dict(llvmlite.binding.get_host_cpu_features())
    named = (_config.CPU_FEATURES or "").split(",")
    return {name[1:]: True for name in named if name.startswith("+")}


def has(name: str) -> bool:
    """Whether it has this feature of LLVM's."""
    return bool(_features().get(name))


def _prefer_wide_vectors() -> None:
    """Numba reads the setting when it first compiles or loads a function."""
    if not _chosen and has("avx512f") and _config.ENABLE_AVX:
        found = llvmlite.binding.get_host_cpu_features().flatten()
        _config.CPU_FEATURES = f"{found},-prefer-256-bit"


NAME = str(_config.CPU_NAME or llvmlite.binding.get_host_cpu_name())  # LLVM's
# Bytes of a vector register. AVX-512 and Arm have 32 of them, others 16.
BYTES = 64 if has("avx512f") else 32 if has("avx2") and has("fma") else 16
MANY_REGISTERS = BYTES == 64 or has("neon")
_prefer_wide_vectors()
