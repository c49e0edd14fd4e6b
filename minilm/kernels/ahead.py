"""Kernels compiled ahead of their use, by as many processes as there are cores.

Numba compiles one kernel at a time, whatever the number of cores: its compiler holds a lock.
So a run first goes through a step in which kernels do nothing but note how they are called
(`jit.noting`). What is not on disk yet is compiled by processes of their own and kept
there, where the run then finds it. Each gets one line per kernel,

    ["minilm.kernels.gelu", "_forward", true, [{"array": ["float32", 2, "C", true]}, "int64"]]

module, name, parallel or not, types of the arguments, and answers when it is done.

This only saves time. Whatever goes wrong, the run compiles for itself what it does not find.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from typing import Any

import numba
import numpy as np
from numba import types
from numba.core.errors import NumbaError
from numba.np.numpy_support import as_dtype, from_dtype

from minilm.kernels.code_cache import cache_folder
from minilm.kernels.jit import Call, listeners, name_of

__all__ = ["compile_ahead", "missing", "serve"]

_config: Any = numba.config

_START = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from {} import serve; serve()"


def missing(calls: Iterable[Call]) -> list[Call]:
    """Those of `calls` (from `jit.noting`) that are not on disk, the longest first."""
    longest_first = sorted(calls, key=lambda call: -call.form.seconds)
    return [call for call in longest_first if not call.form.is_kept(call.types)]


def compile_ahead(calls: list[Call]) -> None:
    """Compile `calls`, which are `missing`, in their order, and keep them on disk.

    Nothing happens if there is one at most, or one core, or nowhere to keep them. Those who
    listen to `jit.on_compile` are told of each; their seconds add up to the time that passed.
    """
    lines = [line for call in calls if (line := _line(call)) is not None]
    n_processes = min(len(lines), _config.NUMBA_NUM_THREADS)
    if n_processes < 2 or not _can_keep():
        return
    with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
        todo, clock = iter(lines), _Clock()
        compilers = [stack.enter_context(_compiler()) for _ in range(n_processes)]
        # A thread for each, which waits for its answers.
        threads = [
            threading.Thread(target=_feed, args=(process, todo, clock), daemon=True)
            for process in compilers
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


class _Clock:
    """Announces kernels with the time since the last one."""

    def __init__(self) -> None:
        self._last, self._listeners = time.perf_counter(), listeners()
        self.lock = threading.Lock()

    def compiled(self, kernel: str) -> None:
        with self.lock:
            now = time.perf_counter()
            for announce in self._listeners:
                announce(kernel, now - self._last)
            self._last = now


def _can_keep() -> bool:
    folder = cache_folder()
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        return os.access(folder, os.W_OK)
    return False


@contextlib.contextmanager
def _compiler() -> Iterator[subprocess.Popen[str]]:
    """A process that compiles, ended at the end."""
    process = subprocess.Popen(
        [sys.executable, "-c", _START.format(__name__), json.dumps(sys.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _feed(process: subprocess.Popen[str], todo: Iterator[str], clock: _Clock) -> None:
    """Give one process a line after the other, until none is left or it has ended."""
    assert process.stdin
    assert process.stdout
    with contextlib.suppress(OSError, ValueError):  # it has ended
        while True:
            with clock.lock:
                line = next(todo, None)
            if line is None:
                return
            print(line, file=process.stdin, flush=True)
            kernel = process.stdout.readline().strip()
            if not kernel:
                return
            clock.compiled(kernel)


def serve() -> None:
    """Compile what the lines of standard input say, and answer with the kernel's name."""
    with contextlib.suppress(KeyboardInterrupt):
        for line in sys.stdin:
            module, name, parallel, kinds = json.loads(line)
            kernel = getattr(importlib.import_module(module), name)
            form = kernel.parallel if parallel else kernel.serial
            form.compile(tuple(map(_type, kinds)))
            print(name_of(form.function), flush=True)


def _line(call: Call) -> str | None:
    """A call in JSON; None if some argument is of a kind that it cannot say."""
    try:
        kinds = [_description(kind) for kind in call.types]
    except NumbaError:
        return None
    function = call.form.function
    return json.dumps([function.__module__, function.__name__, call.form.is_parallel, kinds])


def _description(kind: Any) -> Any:
    if isinstance(kind, types.Array):
        return {"array": [str(as_dtype(kind.dtype)), kind.ndim, kind.layout, kind.mutable]}
    if isinstance(kind, types.UniTuple | types.Tuple):
        return {"tuple": [_description(one) for one in kind.types]}
    return "none" if kind is types.none else str(as_dtype(kind))


def _type(description: Any) -> Any:
    """The opposite of `_description`."""
    if description == "none":
        return types.none
    if isinstance(description, str):
        return from_dtype(np.dtype(description))
    if "tuple" in description:
        return types.Tuple([_type(one) for one in description["tuple"]])
    dtype, ndim, layout, mutable = description["array"]
    return types.Array(_type(dtype), ndim, layout, readonly=not mutable)
