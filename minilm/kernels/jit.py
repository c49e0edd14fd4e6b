"""The decorators that compile every kernel, and where the compiled code is kept.

`kernel` compiles a function that Python calls; `helper` one that only kernels call.
Both release the GIL, divide as IEEE 754 does (no ZeroDivisionError, whose test would
keep a loop from using vectors), and let the compiler regroup sums and fuse multiply
with add. They never let it assume that NaN or infinity is absent: a diverged run must
show.

Compiled kernels are cached on disk, so that a machine compiles them once. Numba's own
cache has three habits that do not fit here. It looks only at the file of the kernel,
not at the helpers which that kernel calls, so the folder is named by a digest of all
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
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numba
import numpy as np
from numba.core import event, types
from numba.core.caching import FunctionCache
from platformdirs import user_cache_dir

__all__ = ["Kernel", "cache_folder", "helper", "kernel", "on_compile"]

Function = Callable[..., Any]

_config: Any = numba.config
_lock = threading.Lock()

# Everything in "fast" except nnan, ninf (NaN and infinity must survive) and afn.
_FASTMATH = {"reassoc", "contract", "nsz", "arcp"}
_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy"}


@functools.cache
def cache_folder() -> Path:
    """The folder of this version's compiled kernels (it need not exist yet)."""
    root = os.environ.get("MINILM_CACHE") or _config.CACHE_DIR or user_cache_dir("minilm", False)
    digest = hashlib.sha256(f"{numba.__version__} {np.__version__}".encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.name.encode() + b"\0" + source.read_bytes())
    return Path(root).absolute() / f"kernels-{digest.hexdigest()[:16]}"


class _Cache(FunctionCache):
    """Numba's cache, for which failing to read or write is no reason to stop."""

    def __init__(self, function: Function) -> None:
        super().__init__(function)
        # Numba numbers the data files: two processes that compile different signatures
        # at once could then each point to the other's file. A name of one's own cannot.
        files = self._cache_file
        files._data_name_pattern = files._data_name_pattern.replace(
            "{number:d}", f"{uuid.uuid4().hex[:12]}.{{number:d}}"
        )

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


def _compiled(function: Function, *, parallel: bool) -> Any:
    dispatcher = numba.njit(fastmath=_FASTMATH, parallel=parallel, **_OPTIONS)(function)
    # Numba chooses the folder when the cache object is made, from this one setting. The
    # serial and the parallel form need two: they have the same name and byte code.
    before = _config.CACHE_DIR
    try:
        folder = cache_folder() / ("parallel" if parallel else "serial")
        _config.CACHE_DIR = str(folder)
        cache = _Cache(function)
        if Path(cache.cache_path).is_relative_to(folder):
            dispatcher._cache = cache
    except (OSError, RuntimeError):  # no home, or no folder that can be written
        pass
    finally:
        _config.CACHE_DIR = before
    return dispatcher


def _same(dispatcher: Any) -> Any:
    return dispatcher


class _Strided:
    """A compiled function that takes arrays of any strides, and is compiled once a dtype.

    Numba compiles again for every mixture of contiguous and other arguments. Here it is
    told that none is contiguous, and then that it may not compile but only convert.
    """

    def __init__(self, dispatcher: Any) -> None:
        self._dispatcher = dispatcher
        self._compiled: set[np.dtype[Any]] = set()

    @property
    def signatures(self) -> Any:
        """What it has been compiled for."""
        return self._dispatcher.signatures

    def __call__(self, *arguments: Any) -> Any:
        if arguments[0].dtype not in self._compiled:
            with _lock:
                self._dispatcher.disable_compile(False)
                self._dispatcher.compile(tuple(_any_strides(x) for x in arguments))
                self._dispatcher.disable_compile(True)
            self._compiled.add(arguments[0].dtype)
        return self._dispatcher(*arguments)


def _any_strides(argument: Any) -> Any:
    kind = numba.typeof(argument)
    if isinstance(kind, types.Array) and kind.ndim > 1:
        return kind.copy(layout="A", readonly=False)
    return kind


class Kernel:
    """A function in two compiled forms, each compiled when first needed."""

    def __init__(self, function: Function, parallel_from: int | None, strided: bool) -> None:
        functools.update_wrapper(self, function)
        wrap = _Strided if strided else _same
        self._serial = wrap(_compiled(function, parallel=False))
        self._parallel = wrap(_compiled(function, parallel=True))
        self._parallel_from = sys.maxsize if parallel_from is None else parallel_from

    def __call__(self, *arguments: Any) -> Any:
        return self.sized(arguments[0].size)(*arguments)

    @property
    def parallel(self) -> Any:
        """The form that runs on all threads."""
        return self._parallel

    def sized(self, work: int) -> Any:
        """The form for so much work, where the size of the first argument does not tell."""
        return self._parallel if work >= self._parallel_from else self._serial


def kernel(
    *, parallel_from: int | None = None, strided: bool = False
) -> Callable[[Function], Kernel]:
    """Decorate a function that Python calls: compiled on first use, then cached.

    Parameters
    ----------
    parallel_from
        From this size of the first argument on, `numba.prange` loops run on all threads;
        below, waking them (some 50 us) would take longer than the work. Each iteration
        must write where no other does, so that neither the number of threads nor their
        order can change a bit of the result. None: never.
    strided
        Arrays of two axes and more may have any strides, and all arguments the dtype of
        the first, or one that goes with it.
    """

    def decorate(function: Function) -> Kernel:
        return Kernel(function, parallel_from, strided)

    return decorate


def helper(*, exact: bool = False, apart: bool = False) -> Callable[[Function], Function]:
    """Decorate a function that kernels call; its code is put into each of them.

    Into the caller, whatever its size, for two reasons. A loop around a call does
    not use vectors. And a helper left on its own stands once in every kernel that calls it,
    each copy optimised a little differently; which of them a process links depends on
    whether it compiled the kernels or loaded them, and so would the last bits of a result.

    Parameters
    ----------
    exact
        Keep the written order of operations (fused multiply-add is still allowed), for
        code that relies on how each step rounds.
    apart
        Leave it on its own: for large code without sums that the compiler may regroup.
    """

    def decorate(function: Function) -> Function:
        flags = {"contract"} if exact else _FASTMATH
        # C needs no way in, which takes time to compile.
        options = {**_OPTIONS, "fastmath": flags, "forceinline": not apart}
        options["no_cfunc_wrapper"] = True
        return numba.njit(**options)(function)

    return decorate


class _Listener(event.Listener):
    """Calls back once for each kernel; the helpers compiled inside it are part of it."""

    def __init__(self, callback: Callable[[str, float], None]) -> None:
        self._callback = callback
        self._depth = 0
        self._start = 0.0

    def on_start(self, event: Any) -> None:
        if self._depth == 0:
            self._start = time.perf_counter()
        self._depth += 1

    def on_end(self, event: Any) -> None:
        self._depth -= 1
        function = event.data["dispatcher"].py_func
        if self._depth == 0 and function.__module__.startswith(f"{__package__}."):
            name = f"{function.__module__.rpartition('.')[2]}.{function.__name__.strip('_')}"
            self._callback(name, time.perf_counter() - self._start)


@contextlib.contextmanager
def on_compile(callback: Callable[[str, float], None]) -> Iterator[None]:
    """Call ``callback(kernel, seconds)`` after each kernel that is really compiled.

    Kernels that come from the cache are not announced. `kernel` reads like
    ``"attention.forward"``; `seconds` includes the helpers it needed.
    """
    with event.install_listener("numba:compile", _Listener(callback)):
        yield
