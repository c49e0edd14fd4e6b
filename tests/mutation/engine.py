"""One process for each mutant: forked from a parent in which everything is loaded and compiled."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import hypothesis
import numpy as np
import pytest

from tests.mutation.mutate import Mutant
from tests.mutation.patch import PACKAGE, Program
from tests.mutation.plan import SKIPPED, Tests

__all__ = ["Job", "Outcome", "load", "run"]

_NO_SUCH_MUTANT = 99
_PATIENCE = 20  # a process that waits for ever uses no CPU time: then so many times the limit


@dataclass(frozen=True)
class Job:
    """Run `tests` with a mutant of `file`, or without one."""

    file: str
    tests: tuple[Tests, ...]
    mutant: Mutant | None
    cpu_limit: int  # seconds of CPU time, which a busy machine does not use up


@dataclass(frozen=True)
class Outcome:
    """How it ended."""

    end: str  # "survived", "failed", "crashed", "hung" or "broken" (the tests did not start)
    detail: str  # the first test that failed, and its error
    seconds: float
    cpu_seconds: float


def load(files: Sequence[str], *, compile_kernels: bool) -> Program:
    """Import these; compile the kernels for small arrays of both dtypes if asked to."""
    for file in files:
        importlib.import_module(_module(file))
    for name in ("models.gpt", "objectives.next_token", "optim.adamw", "gradient_check"):
        importlib.import_module(f"{PACKAGE}.{name}")
    from minilm.gradient_check import check_operation
    from minilm.kernels import code_cache
    from minilm.reference.cases import OPERATIONS

    # What is loaded from the cache comes without its helpers, and mutants need those.
    load_overload = code_cache.Cache.load_overload
    code_cache.Cache.load_overload = lambda self, sig, target_context: None
    for name in OPERATIONS if compile_kernels else ():
        check_operation(name, twin="kernels")
    if compile_kernels:
        _compile_mixed_precision()
    code_cache.Cache.load_overload = load_overload
    return Program()


def _compile_mixed_precision() -> None:
    """Which no gradient check reaches: central differences cannot follow rounding."""
    from minilm.kernels import attention_bf16, linear_bf16

    x = np.ones((1, 1, 32, 32), np.float32)
    linear_bf16.backward(x, linear_bf16.forward(x, x[0, 0])[1])
    attention_bf16.backward(x, attention_bf16.forward(x, x, x)[1])


def run(
    jobs: Sequence[Job], program: Program, n_processes: int, folder: Path
) -> Iterator[tuple[Job, Outcome]]:
    """Run the jobs in forked processes; yields each as it ends."""
    waiting = list(reversed(jobs))
    running: dict[int, tuple[Job, float, Path]] = {}
    number = 0
    try:
        while waiting or running:
            while waiting and len(running) < n_processes:
                job, number = waiting.pop(), number + 1
                report = folder / f"{number}.json"
                sys.stdout.flush()
                process = os.fork()
                if process == 0:
                    limit = job.cpu_limit
                    _child(lambda job=job, report=report: _test(job, program, report), limit)
                running[process] = job, time.monotonic(), report
            for process, ended in _ended(running):
                job, start, report = running.pop(process)
                yield job, _outcome(job, *ended, time.monotonic() - start, report)
            time.sleep(0.01)
    finally:
        for process in running:
            _kill(process)
            os.waitpid(process, 0)


def _ended(running: dict[int, tuple[Job, float, Path]]) -> list[tuple[int, tuple[int, Any]]]:
    found = []
    for process, (job, start, _) in running.items():
        ended, status, usage = os.wait4(process, os.WNOHANG)
        if ended:
            found.append((process, (status, usage)))
        elif time.monotonic() - start > _PATIENCE * job.cpu_limit:
            _kill(process)
    return found


def _kill(process: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process, signal.SIGKILL)


def _outcome(job: Job, status: int, usage: Any, seconds: float, report: Path) -> Outcome:
    detail = ""
    with contextlib.suppress(OSError, ValueError):  # it may have been killed while it wrote
        detail = json.loads(report.read_text())
    report.unlink(missing_ok=True)
    code = os.waitstatus_to_exitcode(status)
    ends = {pytest.ExitCode.OK: "survived", pytest.ExitCode.TESTS_FAILED: "failed"}
    ends[pytest.ExitCode.INTERRUPTED] = "failed"  # a test file that could not be imported
    end = ends.get(code, "broken")
    if code < 0:
        waited = seconds > _PATIENCE * job.cpu_limit
        end = "hung" if waited or -code == signal.SIGXCPU else "crashed"
        detail = f"{detail} {signal.Signals(-code).name}".strip()
    return Outcome(end, detail, seconds, usage.ru_utime + usage.ru_stime)


def _child(work: Callable[[], int], cpu_limit: int) -> NoReturn:
    code = _NO_SUCH_MUTANT
    try:
        resource.setrlimit(resource.RLIMIT_CPU, (cpu_limit, cpu_limit + 10))
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.setsid()
        silence = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(silence, stream)
        code = work()
    finally:
        os._exit(code)


def _test(job: Job, program: Program, report: Path) -> int:
    from minilm.kernels import code_cache

    class NoCache:
        cache_path = "/"  # not below the folder of kernels, so no dispatcher keeps this cache

        def __init__(self, function: Any) -> None: ...

    code_cache.Cache = NoCache  # of the kernels that are made from here on
    module = _module(job.file)
    try:
        if job.mutant:
            statement = job.mutant.apply(program.trees[module])
            program.replace(module, job.mutant.statement, statement)
        else:
            program.repeat(module)
    except Exception as error:
        report.write_text(json.dumps(f"running the module: {_one_line(repr(error))}"))
        return int(pytest.ExitCode.TESTS_FAILED)
    names = dict.fromkeys(tests.file for tests in job.tests)
    options = ["-x", "-q", "-m", "not oracle", "-p", "no:cacheprovider", "--tb=no"]
    return int(pytest.main([*names, *options], plugins=[_Plugin(job.tests, report)]))


class _Plugin:
    """Which tests, in which order, and the name of the first that fails."""

    def __init__(self, tests: Sequence[Tests], report: Path) -> None:
        self.tests = tests
        self.report = report

    def pytest_sessionstart(self) -> None:
        # One failure is enough: it need not be made small.
        phases = hypothesis.Phase.explicit, hypothesis.Phase.generate
        options = {"deadline": None, "derandomize": True, "phases": phases}
        hypothesis.settings.register_profile("mutation", **options)
        hypothesis.settings.load_profile("mutation")

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        turns = [(self._turn(item), place) for place, item in enumerate(items)]
        items[:] = [items[place] for turn, place in sorted(turns) if turn < len(self.tests)]

    def _turn(self, item: pytest.Item) -> int:
        file = item.nodeid.partition("::")[0]
        parameters = getattr(item, "callspec", None)
        operation = parameters and parameters.params.get("name")
        if item.name.startswith(SKIPPED):
            return len(self.tests)
        matches = (tests.match(file, item.name, operation) for tests in self.tests)
        return next((turn for turn, match in enumerate(matches) if match), len(self.tests))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._note(report, report.nodeid)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self._note(report, report.nodeid)

    def _note(self, report: Any, test: str) -> None:
        if report.failed and not self.report.exists():
            crash = getattr(report.longrepr, "reprcrash", None)
            reason = crash.message if crash else str(report.longrepr)
            self.report.write_text(json.dumps(f"{test}: {_one_line(reason)}"))


def _module(file: str) -> str:
    return f"{PACKAGE}.{file.removesuffix('.py').replace('/', '.')}"


def _one_line(message: str) -> str:
    return " ".join(message.split())[:200]
