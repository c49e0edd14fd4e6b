"""Does a test notice when a sign is flipped? Every small mistake is tried, one at a time.

    python -m tests.mutation.run                        a sample of all files, in half an hour
    python -m tests.mutation.run --all                  everything
    python -m tests.mutation.run --only kernels/gelu    the mutants whose id contains this
    python -m tests.mutation.run --list                 what would be tried

`mutate` makes the mutants, `plan` says which tests should notice them, `equivalent.toml` lists
those that no test can notice, and why. The result is 0 if all mutants were noticed but these.

No tool from PyPI: mutmut and cosmic-ray start each mutant in a new process, where Numba would
compile everything again (30 s; here it takes 2), and neither knows axes or transposes.

Memory that was never written is filled with garbage (MALLOC_PERTURB_, with glibc), so that a
tile that is not cleared shows. Reading outside an array may crash a process: that is noticed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import signal
import sys
import tempfile
import time
import tomllib
from collections import Counter
from dataclasses import asdict
from pathlib import Path

from tests.mutation.mutate import Mutant, mutants
from tests.mutation.plan import files, tests_of

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "minilm"
EQUIVALENT = Path(__file__).with_name("equivalent.toml")
SAMPLE = 600
ENVIRONMENT = {
    "OPENBLAS_NUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
    "NUMBA_THREADING_LAYER": "workqueue",  # which outlives a fork; GNU OpenMP does not
    "MALLOC_PERTURB_": "1",
    "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
}


def main() -> int:
    options = _parser().parse_args()
    everything = [m for path in files(PACKAGE) for m in _mutants(path)]
    chosen = [m for m in everything if any(part in m.id for part in options.only)]
    if not options.all and options.sample < len(chosen):
        chosen = sample(chosen, options.sample, options.seed)
    listed = equivalents()
    stale = sorted(set(listed) - {m.id for m in everything})
    print(f"{len(chosen)} of {len(everything)} mutants, {len(listed)} listed as equivalent")
    for identity in stale:
        print(f"listed, but there is no such mutant: {identity}")
    if options.list:
        for m in chosen:
            print(f"{m.file}:{m.line}  {m.change}\n    {m.id}")
        return bool(stale)
    return _test(chosen, listed, options) or bool(stale)


def _mutants(path: Path) -> list[Mutant]:
    return mutants(path.read_text(encoding="utf-8"), path.relative_to(PACKAGE).as_posix())


def sample(chosen: list[Mutant], n: int, seed: int) -> list[Mutant]:
    """About n, the same share of each file. A mutant's turn depends on its id, not on others."""
    in_file = Counter(m.file for m in chosen)
    quota = {file: max(1, round(n * size / len(chosen))) for file, size in in_file.items()}
    turns = sorted(chosen, key=lambda m: hashlib.sha256(f"{seed} {m.id}".encode()).digest())
    kept = set()
    for m in turns:
        quota[m.file] -= 1
        if quota[m.file] >= 0:
            kept.add(m.id)
    return [m for m in chosen if m.id in kept]


def equivalents() -> dict[str, str]:
    """The ids of `equivalent.toml`, each with its reason."""
    groups = tomllib.loads(EQUIVALENT.read_text(encoding="utf-8")).get("equivalent", [])
    return {identity: group["reason"] for group in groups for identity in group["mutants"]}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation.run", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "--only", nargs="+", default=[""], help="parts of ids, such as kernels/gelu.py"
    )
    parser.add_argument("--sample", type=int, default=SAMPLE, help=f"how many ({SAMPLE})")
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    parser.add_argument("--all", action="store_true", help="no sample")
    parser.add_argument("--jobs", type=int, default=2, help="processes at a time")
    parser.add_argument("--list", action="store_true", help="show the mutants, test nothing")
    parser.add_argument("--json", type=Path, help="write what became of each mutant")
    return parser


def _test(chosen: list[Mutant], listed: dict[str, str], options: argparse.Namespace) -> int:
    from tests.mutation import engine

    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="minilm-mutation-") as temporary:
        folder = Path(temporary)
        _use_cache_in(folder)
        in_files = list(dict.fromkeys(m.file for m in chosen))
        kernels = any(file.startswith("kernels/") for file in in_files)
        everything = [path.relative_to(PACKAGE).as_posix() for path in files(PACKAGE)]
        program = engine.load(everything, compile_kernels=kernels)
        tests = {file: tests_of(file, ROOT) for file in in_files}
        print(f"loaded and compiled in {time.monotonic() - start:.0f} s; tests without mutants:")
        seconds = {}
        jobs = [engine.Job(file, tests[file], None, 600) for file in in_files]
        for job, outcome in engine.run(jobs, program, options.jobs, folder):
            seconds[job.file] = outcome.cpu_seconds
            print(f"  {job.file:36} {outcome.end} {outcome.detail} {outcome.seconds:.1f} s")
            if outcome.end != "survived":
                print("the tests must pass without mutants")
                return 2

        limit = {file: round(30 + 8 * cpu) for file, cpu in seconds.items()}
        jobs = [engine.Job(m.file, tests[m.file], m, limit[m.file]) for m in chosen]
        outcomes = {}
        for job, outcome in engine.run(jobs, program, options.jobs, folder):
            outcomes[job.mutant.id] = outcome
            if outcome.end in ("survived", "broken") and job.mutant.id not in listed:
                print(f"{outcome.end}: {job.mutant.id}\n    {job.mutant.change}", flush=True)
    if options.json:
        rows = [
            {"id": m.id, "line": m.line, "change": m.change, **asdict(outcomes[m.id])}
            for m in chosen
        ]
        options.json.write_text(json.dumps(rows, indent=1))
    return _report(chosen, outcomes, listed, time.monotonic() - start)


def _use_cache_in(folder: Path) -> None:
    """Kernels compiled here stay here; what the user's cache has is copied."""
    from minilm.kernels import code_cache

    users = code_cache.cache_folder()
    os.environ["MINILM_CACHE"] = str(folder)
    code_cache.cache_folder.cache_clear()
    if users.exists():
        shutil.copytree(users, code_cache.cache_folder())


def _report(chosen: list[Mutant], outcomes: dict, listed: dict[str, str], seconds: float) -> int:
    ends = ("failed", "crashed", "hung", "survived")
    print(f"\n{'file':36}{'mutants':>9}{'noticed':>9}" + "".join(f"{end:>9}" for end in ends)
          + f"{'listed':>9}{'s':>8}")  # fmt: skip
    files_of = list(dict.fromkeys(m.file for m in chosen))
    for file in [*files_of, ""]:
        rows = [outcomes[m.id] for m in chosen if not file or m.file == file]
        known = sum(m.id in listed for m in chosen if not file or m.file == file)
        count = Counter(row.end for row in rows)
        noticed = len(rows) - count["survived"] - count["broken"]
        cells = "".join(f"{count[end]:>9}" for end in ends)
        cpu = sum(row.cpu_seconds for row in rows)
        print(f"{file or 'all':36}{len(rows):>9}{noticed:>9}{cells}{known:>9}{cpu:>8.0f}")
    wrong = []
    for m in chosen:
        survived = outcomes[m.id].end in ("survived", "broken")
        # What reads outside an array crashes now and then, and may be listed all the same.
        if outcomes[m.id].end == "crashed" and m.id in listed:
            continue
        if survived != (m.id in listed):
            wrong.append((m, "survived" if survived else "listed, and noticed"))
    for m, what in wrong:
        print(f"\n{what}: {m.id}\n    {m.file}:{m.line}  {m.change}\n    {outcomes[m.id].detail}")
    print(f"\n{seconds / 60:.1f} minutes; {len(wrong)} not as they should be")
    return bool(wrong)


def _restart() -> None:
    """Libraries read these variables when they are loaded, malloc when the process starts."""
    if any(os.environ.get(name) != value for name, value in ENVIRONMENT.items()):
        command = [sys.executable, "-m", "tests.mutation.run", *sys.argv[1:]]
        os.execve(sys.executable, command, {**os.environ, **ENVIRONMENT})


if __name__ == "__main__":
    os.chdir(ROOT)
    _restart()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # ends the children, too
    sys.exit(main())
