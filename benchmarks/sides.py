"""Two programs timed in turn, each in a process of its own.

What a library sets for its process, such as how its threads wait or how freed memory is
kept, is part of it; the other must neither gain nor lose by that.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

__all__ = ["Side", "serve"]

# What would slow or help one side only: each library sets its own.
_CLEARED = ("OPENBLAS_CORETYPE", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class Side:
    """A child process that runs ``python -m module --serve ARGUMENTS`` and waits to be asked.

    `peer` is a package that is imported before minilm, so that it finds the environment as
    its own users do.
    """

    def __init__(self, module: str, *arguments: str, peer: str = "") -> None:
        environment = {k: v for k, v in os.environ.items() if k not in _CLEARED}
        command = [sys.executable, "-m", module]
        if peer:
            # The peer comes first, and glibc's default keeps minilm from setting others.
            environment.setdefault("MALLOC_TOP_PAD_", str(128 * 1024))
            run = f"import {peer}, runpy; runpy.run_module({module!r}, run_name='__main__')"
            command = [sys.executable, "-c", run]
        self._process = subprocess.Popen(
            [*command, "--serve", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def ask(self, **request: Any) -> Any:
        """Send one line of JSON, return the answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(request), file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("the process that was measured has ended; its message is above")
        return json.loads(line)

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def serve(answer: Any) -> None:
    """Answer requests until there are no more: ``answer(**request)`` gives what is sent back."""
    for line in sys.stdin:
        print(json.dumps(answer(**json.loads(line))), flush=True)
