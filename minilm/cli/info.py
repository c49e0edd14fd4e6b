"""``minilm info``: what this machine has, and what holds minilm back on it."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from minilm.cli.formatting import memory, printable, share, to_json
from minilm.cli.options import described
from minilm.errors import MinilmError

if TYPE_CHECKING:
    from minilm.cli.limits import Facts

__all__ = ["Info"]


@dataclass(frozen=True)
class Info:
    """Show what limits the speed on this machine, and what to change.

    Processor and vectors, threads, BLAS, memory, the folder of compiled kernels, versions, and
    the environment variables that matter.
    """

    examples: ClassVar[tuple[tuple[str, str], ...]] = (
        ("minilm info", "see what limits this machine"),
        ("minilm info --json", ""),
    )

    json: Annotated[bool, described()] = False
    """Print one JSON object."""

    def run(self) -> int:
        """Look and print."""
        if os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"):
            raise MinilmError("NUMBA_DISABLE_JIT is set, so that no kernel can run: unset it")
        from minilm.cli.limits import advice, examine

        facts = examine()
        found = advice(facts)
        if self.json:
            print(to_json({**asdict(facts), "advice": found}))
            return 0
        for label, value in _rows(facts):
            print(printable(f"  {label:10}  {value}"))
        print()
        for line in found or ["Nothing holds it back."]:
            print(printable(f"  {line}"))
        return 0


def _rows(facts: Facts) -> list[tuple[str, str]]:
    bf16 = "no faster in bf16" if facts.bf16 == "float32" else f"bf16 by {facts.bf16}"
    blas = facts.blas
    if facts.blas_core:
        blas += f", for {facts.blas_core}, {facts.blas_threads} threads"
    rows = [
        (
            "processor",
            f"{facts.processor}, {facts.cores} cores, others use {share(facts.others_busy)}",
        ),
        ("kernels", f"for {facts.compiled_for}: vectors of {facts.vector_bytes} bytes, {bf16}"),
        ("threads", f"{facts.threads}, layer {facts.thread_layer}"),
        ("BLAS", blas),
        ("memory", f"{memory(facts.memory_bytes)}, {memory(facts.available_bytes)} available"),
        ("compiled", facts.cache_folder + ("" if facts.cache_writable else " (not writable)")),
        ("versions", ", ".join(f"{name} {version}" for name, version in facts.versions.items())),
    ]
    for name, value in facts.environment.items():
        rows.append(("set", f"{name}={value}"))
    return rows
