"""Executors: tasks on processes, and what happens when one fails."""

import os
import subprocess
import sys
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from minilm.corpus.building.executors import Inline, open_executor, run
from minilm.errors import MinilmError


def test_every_task_is_carried_out_once() -> None:
    seen: list[int] = []
    finished: list[None] = []
    for executor in (Inline(), ThreadPoolExecutor(3)):
        seen.clear()
        finished.clear()
        run(executor, seen.append, range(200), lambda: finished.append(None), waiting=7)
        assert sorted(seen) == list(range(200))
        assert len(finished) == 200


def test_few_tasks_wait_at_a_time() -> None:
    class Counting(Executor):
        def __init__(self) -> None:
            self.waiting = self.most = 0

        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
            self.waiting += 1
            self.most = max(self.most, self.waiting)
            future: Future[Any] = Future()
            future.set_result(fn(*args))
            return future

    executor = Counting()

    def done() -> None:
        executor.waiting -= 1

    run(executor, int, range(100), done, waiting=5)
    assert executor.most == 5


def test_the_first_failure_ends_it_and_what_was_done_is_counted() -> None:
    finished: list[int] = []

    def task(number: int) -> None:
        if number == 3:
            raise MinilmError("no space")
        finished.append(number)

    with pytest.raises(MinilmError, match="no space"):
        run(Inline(), task, range(10), lambda: None)
    assert finished == [0, 1, 2]


def test_a_worker_that_dies_is_one_line() -> None:
    with open_executor(2) as executor:
        assert executor is not None
        with pytest.raises(MinilmError, match=r"a worker process died.*fewer --workers"):
            run(executor, os._exit, [9], lambda: None)


def test_one_worker_is_this_process() -> None:
    with open_executor(1) as executor:
        assert isinstance(executor, Inline)
    with open_executor(2) as executor:
        assert isinstance(executor, ProcessPoolExecutor)


def test_mpi_without_mpiexec_is_one_line(tmp_path: Path) -> None:
    pytest.importorskip("mpi4py")
    code = (
        "from minilm.corpus.building.executors import open_executor\n"
        "from minilm.errors import MinilmError\n"
        "try:\n"
        "    with open_executor(1, 'mpi'): pass\n"
        "except MinilmError as error:\n"
        "    print(error)\n"
    )
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root
    )
    assert "no other process to give work to" in done.stdout


def test_without_mpi4py_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    monkeypatch.setitem(sys.modules, "mpi4py.futures", None)
    with pytest.raises(MinilmError, match=r"pip install 'minilm\[mpi\]'"), open_executor(1, "mpi"):
        pass
