"""``minilm gradcheck``: every backward pass held against difference quotients."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from tyro.conf import Positional

from minilm.cli.formatting import to_json
from minilm.cli.options import WHOLE, described

if TYPE_CHECKING:
    from minilm.gradient_report import Row

__all__ = ["Gradcheck"]

TWINS = ("reference", "kernels")


@dataclass(frozen=True)
class Gradcheck:
    """Compare every gradient with difference quotients in float64, in both twins.

    The table has the largest relative error of each argument over all cases. A dash
    stands for an operation that has no kernel. Exits with 1 if a check fails.
    """

    examples: ClassVar[tuple[tuple[str, str], ...]] = (
        ("minilm gradcheck", "check every gradient"),
        ("minilm gradcheck attention layer_norm", ""),
        ("minilm gradcheck attention --twin kernels --cases", ""),
    )

    operations: Annotated[Positional[tuple[str, ...]], described("[OP ...]")] = ()
    """Operations to check; all without one."""
    twin: Annotated[Literal["both", "kernels", "reference"], described(hint="(default: both)")] = (
        "both"
    )
    """Which implementation to check."""
    cases: Annotated[bool, described()] = False
    """Show every case on a line of its own."""
    seed: Annotated[int, WHOLE, described(hint="(default: 0)")] = 0
    """Of the arguments and of the upstream gradients."""
    json: Annotated[bool, described()] = False
    """Print one JSON object."""

    def run(self) -> int:
        """Check, print, and return 1 if anything failed."""
        from minilm.gradient_check import TOLERANCE
        from minilm.reference.cases import OPERATIONS

        operations = self.operations or OPERATIONS
        _refuse_unknown(operations, OPERATIONS)
        twins = TWINS if self.twin == "both" else (self.twin,)
        table = _Table(operations, twins, TOLERANCE)
        found: list[dict[str, Any]] = []
        failures: list[str] = []
        if not self.json and not self.cases:
            print(table.head())
        for operation in operations:
            rows = self._check(operation, twins)
            for twin, row in ((name, row) for name in rows for row in rows[name]):
                found.append(_as_dict(operation, twin, row))
                if not row.ok:
                    where = f"{operation}, {twin}, {row.case}, {row.argument}"
                    failures.append(f"{where}: {row.problem}")
            if not self.json:
                print(_all_cases(operation, rows) if self.cases else table.body(operation, rows))
        if self.json:
            print(to_json({"ok": not failures, "tolerance": TOLERANCE, "checks": found}))
        else:
            _conclude(len(found), failures, TOLERANCE)
        return 1 if failures else 0

    def _check(self, operation: str, twins: tuple[str, ...]) -> dict[str, list[Row]]:
        """Rows by twin; a twin that would only run the other's code is left out."""
        from minilm.gradient_check import check_operation

        rows = {}
        for twin in twins:
            if twin == "reference" or _has_kernel(operation):
                with _busy(f"{operation}, {twin}"):
                    rows[twin] = check_operation(operation, twin, self.seed)
        return rows


class _Table:
    """Lines of equal columns, printed operation by operation as they are done."""

    def __init__(self, operations: tuple[str, ...], twins: tuple[str, ...], limit: float) -> None:
        self.twins, self.limit = twins, limit
        self.width = max(map(len, operations))

    def head(self) -> str:
        return f"{'operation':{self.width}}  {'argument':10}" + "".join(
            f"  {twin:>9}" for twin in self.twins
        )

    def body(self, operation: str, rows: dict[str, list[Row]]) -> str:
        """One line for each argument, with its worst error over the cases."""
        arguments = dict.fromkeys(row.argument for checked in rows.values() for row in checked)
        lines = []
        for i, argument in enumerate(arguments):
            cells = [self._cell(rows.get(twin), argument) for twin in self.twins]
            name = operation if i == 0 else ""
            lines.append(f"{name:{self.width}}  {argument:10}" + "".join(cells))
        return "\n".join(lines) if lines else f"{operation:{self.width}}  (no kernel)"

    def _cell(self, rows: list[Row] | None, argument: str) -> str:
        if rows is None:
            return f"  {'-':>9}"
        errors = [row.error for row in rows if row.argument == argument]
        failed = any(not row.ok for row in rows if row.argument == argument)
        return f"  {max(errors):9.1e}{' FAILED' if failed else ''}" if errors else f"  {'':>9}"


def _all_cases(operation: str, rows: dict[str, list[Row]]) -> str:
    from minilm.gradient_report import table

    return "\n".join(f"{operation}, {twin}\n\n{table(rows[twin])}\n" for twin in rows)


def _conclude(n_checks: int, failures: list[str], tolerance: float) -> None:
    print()
    for failure in failures:
        print(f"FAILED {failure}")
    verdict = f"{len(failures)} of {n_checks} checks failed" if failures else "all within"
    print(f"{n_checks} checks, {verdict} {tolerance:g}" if not failures else verdict)


def _as_dict(operation: str, twin: str, row: Row) -> dict[str, Any]:
    return {
        "operation": operation,
        "twin": twin,
        "case": row.case,
        "argument": row.argument,
        "shape": row.shape,
        "relative_error": row.error,
        "largest": row.largest,
        "ok": row.ok,
        "problem": row.problem,
    }


def _refuse_unknown(operations: tuple[str, ...], known: tuple[str, ...]) -> None:
    from minilm.errors import MinilmError, did_you_mean

    for operation in operations:
        if operation not in known:
            raise MinilmError(f"no operation {operation!r}{did_you_mean(operation, known)}")


def _has_kernel(operation: str) -> bool:
    return importlib.util.find_spec(f"minilm.kernels.{operation}") is not None


@contextmanager
def _busy(what: str) -> Iterator[None]:
    """On a terminal, say what is going on: a kernel may have to be compiled first."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(file=sys.stderr).status(f"checking {what}"):
        yield
