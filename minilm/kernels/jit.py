"""The decorators that compile every kernel.

`kernel` compiles a function that Python calls; `helper` one that only kernels call.
Both release the GIL, divide as IEEE 754 does (no ZeroDivisionError, whose test would
keep a loop from using vectors), and let the compiler regroup sums and fuse multiply
with add. They never let it assume that NaN or infinity is absent: a diverged run must
show.

Their code is kept: see `code_cache`.
"""

from __future__ import annotations

import contextlib
import functools
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import numba
import numpy as np
from numba.core import event, types

from minilm.kernels import processor as processor  # before anything is compiled
from minilm.kernels.code_cache import Cache, cached

__all__ = [
    "Call",
    "Form",
    "Kernel",
    "helper",
    "kernel",
    "listeners",
    "name_of",
    "noting",
    "on_compile",
]

Function = Callable[..., Any]

_lock = threading.Lock()

# Everything in "fast" except nnan, ninf (NaN and infinity must survive) and afn.
_FASTMATH = {"reassoc", "contract", "nsz", "arcp"}
_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy"}


@dataclass(frozen=True)
class Call:
    """A form of a kernel and the types of its arguments: what is compiled as one."""

    form: Form = field(repr=False)
    types: tuple[Any, ...]


_noted: ContextVar[dict[Call, None] | None] = ContextVar("minilm_noted_calls", default=None)


@contextlib.contextmanager
def noting() -> Iterator[dict[Call, None]]:
    """Within it kernels do nothing but note how they are called: see `ahead`.

    What they should have written stays as it was, and they return 1. Those that are made
    with ``always=True`` do their work.
    """
    calls: dict[Call, None] = {}
    token = _noted.set(calls)
    try:
        yield calls
    finally:
        _noted.reset(token)


class Form:
    """A kernel compiled to run on one thread, or on all.

    Parameters
    ----------
    strided
        Compile once a dtype, for arrays of any strides. Numba would compile again for every
        mixture of contiguous and other arguments. Here it is told that none is contiguous,
        and then that it may not compile but only convert.
    """

    def __init__(
        self, function: Function, *, parallel: bool, strided: bool, always: bool = False
    ) -> None:
        self.function, self.is_parallel, self._strided = function, parallel, strided
        self.seconds = 0.0  # to compile, roughly, if they are many
        self._always = always
        dispatcher = numba.njit(fastmath=_FASTMATH, parallel=parallel, **_OPTIONS)(function)
        # The two forms have the same name and byte code: each needs a folder of its own.
        folder = "parallel" if parallel else "serial"
        self._dispatcher = cached(dispatcher, function, folder)
        self._compiled: set[np.dtype[Any]] = set()

    @property
    def signatures(self) -> Any:
        """What it has been compiled for."""
        return self._dispatcher.signatures

    def __call__(self, *arguments: Any) -> Any:
        calls = _noted.get()
        if calls is not None and not self._always:
            calls[Call(self, self._types(arguments))] = None
            return 1.0
        if self._strided and arguments[0].dtype not in self._compiled:
            with _lock:
                self._dispatcher.disable_compile(False)
                self._dispatcher.compile(self._types(arguments))
                self._dispatcher.disable_compile(True)
            self._compiled.add(arguments[0].dtype)
        return self._dispatcher(*arguments)

    def _types(self, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        kinds = (numba.typeof(argument) for argument in arguments)
        return tuple(map(_any_strides, kinds)) if self._strided else tuple(kinds)

    def is_kept(self, types: tuple[Any, ...]) -> bool:
        """Whether the code for such arguments is on disk, or in use already."""
        found, cache = self._dispatcher, self._dispatcher._cache
        if types in found.overloads:
            return True
        return isinstance(cache, Cache) and cache.holds(types, found.targetctx.codegen())

    def compile(self, types: tuple[Any, ...]) -> None:
        """Compile, or load, the code for such arguments."""
        self._dispatcher.compile(types)


def _any_strides(kind: Any) -> Any:
    if isinstance(kind, types.Array) and kind.ndim > 1:
        return kind.copy(layout="A", readonly=False)
    return kind


class _OnOneThread:
    """The parallel form of a kernel, on the thread that calls it."""

    def __init__(self, form: Form) -> None:
        self._form = form

    def __call__(self, *arguments: Any) -> Any:
        n_threads = numba.get_num_threads()
        numba.set_num_threads(1)
        try:
            return self._form(*arguments)
        finally:
            numba.set_num_threads(n_threads)


class Kernel:
    """A function in two compiled forms, each compiled when first needed."""

    def __init__(
        self,
        function: Function,
        parallel_from: int | None,
        *,
        strided: bool = False,
        long: float = 0,
        always: bool = False,
    ) -> None:
        functools.update_wrapper(self, function)
        self.parallel = Form(function, parallel=True, strided=strided, always=always)
        self.parallel.seconds = long
        self.serial: Form | _OnOneThread = (
            _OnOneThread(self.parallel)
            if long
            else Form(function, parallel=False, strided=strided, always=always)
        )
        self._parallel_from = sys.maxsize if parallel_from is None else parallel_from

    def __call__(self, *arguments: Any) -> Any:
        return self.sized(arguments[0].size)(*arguments)

    def sized(self, work: int) -> Form | _OnOneThread:
        """The form for so much work, where the size of the first argument does not tell."""
        return self.parallel if work >= self._parallel_from else self.serial


def kernel(
    *,
    parallel_from: int | None = None,
    strided: bool = False,
    long: float = 0,
    always: bool = False,
) -> Callable[[Function], Kernel]:
    """Decorate a function that Python calls: compiled on first use, then cached.

    Parameters
    ----------
    parallel_from
        From this size of the first argument on, `numba.prange` loops run on all threads;
        below, sharing the work (some 5 us) would take longer than it saves. Each iteration
        must write where no other does, so that neither the number of threads nor their
        order can change a bit of the result. None: never.
    strided
        Arrays of two axes and more may have any strides, and all arguments the dtype of
        the first, or one that goes with it.
    long
        Not 0: so many seconds it takes to compile, roughly. Then the parallel form only is
        compiled, and called with one thread for what is small. That takes 4 us more than a
        form of its own would. Of several kernels the longest is compiled first.
    always
        Run even while others only note their calls (`noting`): what it finds decides which
        kernels are called next, or how. So do those that read text.
    """

    def decorate(function: Function) -> Kernel:
        return Kernel(function, parallel_from, strided=strided, long=long, always=always)

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


def name_of(function: Function) -> str:
    """What users read of a kernel, such as ``attention.forward``."""
    return f"{function.__module__.rpartition('.')[2]}.{function.__name__.strip('_')}"


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
            self._callback(name_of(function), time.perf_counter() - self._start)


_listening: ContextVar[tuple[Callable[[str, float], None], ...]] = ContextVar(
    "minilm_listening", default=()
)


@contextlib.contextmanager
def on_compile(callback: Callable[[str, float], None]) -> Iterator[None]:
    """Call ``callback(kernel, seconds)`` after each kernel that is really compiled.

    Kernels that come from the cache are not announced. `kernel` reads like
    ``"attention.forward"``; `seconds` includes the helpers it needed. Those that other
    processes compile (see `ahead`) are announced too, with the time since the last one.
    """
    token = _listening.set((*_listening.get(), callback))
    try:
        with event.install_listener("numba:compile", _Listener(callback)):
            yield
    finally:
        _listening.reset(token)


def listeners() -> tuple[Callable[[str, float], None], ...]:
    """Whom to tell that another process has compiled a kernel."""
    return _listening.get()
