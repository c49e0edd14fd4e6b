"""Where compiled kernels are kept, so that a machine compiles them once.

Numba's own cache has three habits that do not fit here. It looks only at the file of the
kernel, not at the helpers which that kernel calls, so the folder is named by a digest of all
kernel sources and of the versions of Numba and NumPy. It writes beside the source,
which may be read-only, so the folder is the user's: `MINILM_CACHE` if set, else
`NUMBA_CACHE_DIR`, else the usual place of the platform. And it raises when the disk is
full or a file is damaged; here such a kernel is compiled again and not kept. The CPU
needs no place in the name: Numba stores it with each compiled signature.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import numpy as np
from numba.core.caching import FunctionCache
from platformdirs import user_cache_dir

__all__ = ["Cache", "cache_folder", "cached"]

_config: Any = numba.config


@functools.cache
def cache_folder() -> Path:
    """The folder of this version's compiled kernels (it need not exist yet)."""
    root = os.environ.get("MINILM_CACHE") or _config.CACHE_DIR or user_cache_dir("minilm", False)
    digest = hashlib.sha256(f"{numba.__version__} {np.__version__}".encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.name.encode() + b"\0" + source.read_bytes())
    return Path(root).absolute() / f"kernels-{digest.hexdigest()[:16]}"


class Cache(FunctionCache):
    """Numba's cache, for which failing to read or write is no reason to stop."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        # Numba numbers the data files: two processes that compile different signatures
        # at once could then each point to the other's file. A name of one's own cannot.
        files = self._cache_file
        files._data_name_pattern = files._data_name_pattern.replace(
            "{number:d}", f"{uuid.uuid4().hex[:12]}.{{number:d}}"
        )

    def holds(self, sig: Any, codegen: Any) -> bool:
        """Whether a signature is in the index, without loading it."""
        with contextlib.suppress(Exception):
            return self._index_key(sig, codegen) in self._cache_file._load_index()
        return False

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        with contextlib.suppress(Exception):
            return super().load_overload(sig, target_context)
        return None

    def save_overload(self, sig: Any, data: Any) -> None:
        with contextlib.suppress(Exception):
            try:
                super().save_overload(sig, data)
            except Exception:  # perhaps the index is damaged: begin a new one
                self.flush()
                super().save_overload(sig, data)


def cached(dispatcher: Any, function: Callable[..., Any], folder: str) -> Any:
    """The dispatcher, its code kept in a folder of that name within `cache_folder`."""
    # Numba chooses the folder when the cache object is made, from this one setting.
    before = _config.CACHE_DIR
    try:
        path = cache_folder() / folder
        _config.CACHE_DIR = str(path)
        cache = Cache(function)
        if Path(cache.cache_path).is_relative_to(path):
            dispatcher._cache = cache
    except (OSError, RuntimeError):  # no home, or no folder that can be written
        pass
    finally:
        _config.CACHE_DIR = before
    return dispatcher
