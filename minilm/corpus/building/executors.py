"""Many tasks on several processes, or machines, through one interface.

Each task is a function of its own arguments that leaves its results on the disk. Anything
with the interface of `concurrent.futures.Executor` can carry them out.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from minilm.corpus import extra
from minilm.errors import MinilmError

__all__ = ["EXECUTORS", "Inline", "count_workers", "open_executor", "run"]

EXECUTORS = ("processes", "mpi")


class Inline(Executor):
    """Carries out each task at once, in this process.

    Examples
    --------
    >>> Inline().submit(max, 1, 2).result()
    2
    """

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """A future that is done. What the function raises comes through, at once."""
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


@contextlib.contextmanager
def open_executor(workers: int, kind: str = "processes") -> Iterator[Executor | None]:
    """An executor with so many workers; one worker is this process itself.

    None in the processes of an MPI job that have served as workers until there was no more
    to do: they have nothing left to do but end.

    Parameters
    ----------
    workers : int
    kind : "processes" or "mpi"
        "mpi" needs the extra ``minilm[mpi]``. Each process of the job calls this; the first
        gets a `mpi4py.futures.MPIPoolExecutor` whose workers are the others, on whichever
        machines. All must see the same folders.

    Raises
    ------
    MinilmError
        If mpi4py is missing, or the job has one process only.
    """
    if kind == "mpi":
        with _mpi() as executor:
            yield executor
        return
    if workers == 1:
        yield Inline()
        return
    # Started afresh: a fork would inherit the lock on the folder, and threads half way.
    context = multiprocessing.get_context("spawn")
    others = set(multiprocessing.active_children())
    executor = ProcessPoolExecutor(workers, mp_context=context, initializer=_begin)
    try:
        yield executor
    except KeyboardInterrupt:
        # What a task has not finished is lost; whoever presses Ctrl-C wants out.
        for worker in set(multiprocessing.active_children()) - others:
            worker.kill()
        raise
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


def _begin() -> None:
    """In a worker: Ctrl-C is for the parent to answer, and the parent's death ends it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: Any) -> None:
    parent.join()
    os._exit(1)


@contextlib.contextmanager
def _mpi() -> Iterator[Executor | None]:
    futures = extra.load("mpi4py.futures", "mpi4py", "mpi", "--executor mpi")
    mpi = extra.load("mpi4py.MPI", "mpi4py", "mpi", "--executor mpi")
    if mpi.COMM_WORLD.Get_size() == 1:
        raise MinilmError(
            "--executor mpi has no other process to give work to; begin the command with mpiexec, "
            "such as: mpiexec -n 4 minilm corpus build ..."
        )
    with futures.MPICommExecutor(mpi.COMM_WORLD, root=0) as executor:
        yield executor


def count_workers(executor: Executor, asked: int) -> int:
    """How many processes carry out tasks: those of an MPI job, or as many as were asked for."""
    return int(getattr(executor, "num_workers", asked))


def run(
    executor: Executor,
    function: Callable[[Any], None],
    tasks: Sequence[Any],
    done: Callable[[], None],
    waiting: int = 64,
) -> None:
    """Carry out `function(task)` for all tasks, in no particular order.

    Parameters
    ----------
    done : callable
        Called in this thread after each task.
    waiting : int
        At most so many tasks are handed over at a time.

    Raises
    ------
    MinilmError
        From the first task that failed, when those under way have ended; or if a worker
        died.
    """
    remaining = iter(tasks)
    under_way: set[Future[None]] = set()
    try:
        while True:
            for task in remaining:
                under_way.add(executor.submit(function, task))
                if len(under_way) >= waiting or isinstance(executor, Inline):
                    break
            if not under_way:
                return
            finished, under_way = wait(under_way, return_when=FIRST_COMPLETED)
            for future in finished:
                future.result()
                done()
    except BrokenProcessPool:
        raise MinilmError(
            "a worker process died, killed by the system or for want of memory; run the same "
            "command again with fewer --workers: it goes on from here"
        ) from None
    finally:
        for future in under_way:
            future.cancel()
