"""The cache of compiled kernels, in processes of their own: each begins with nothing loaded."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import numba
import numpy as np
import pytest

from minilm.kernels import code_cache, jit

# Prints what was compiled, and a digest of results to compare between processes.
CODE = """if True:
    import hashlib
    import numpy as np
    from minilm.kernels import gelu
    from minilm.kernels.jit import on_compile

    x = np.random.default_rng(0).standard_normal((40, 70)).astype(np.float32)
    compiled = []
    with on_compile(lambda name, seconds: compiled.append((name, seconds > 0))):
        y, saved = gelu.forward(x)
        gelu.forward(x)
        dx = gelu.backward(y, saved)
    print(compiled)
    print(hashlib.sha256(y.tobytes() + dx.tobytes()).hexdigest())
"""
BOTH = "[('gelu.forward', True), ('gelu.backward', True)]"


def start(cache, code=CODE, **environment):
    environment = {**os.environ, "MINILM_CACHE": str(cache), **environment}
    return subprocess.Popen(
        [sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True
    )


def finish(process):
    output, _ = process.communicate()
    assert process.returncode == 0
    return output.splitlines()


def run(cache, code=CODE, **environment):
    return finish(start(cache, code, **environment))


@pytest.fixture(scope="module")
def warm(tmp_path_factory):
    """A cache, and what the process that filled it printed."""
    cache = tmp_path_factory.mktemp("cache")
    return cache, run(cache)


def test_compiled_once_and_the_same_bits_from_the_cache(warm):
    cache, (compiled, digest) = warm
    assert compiled == BOTH
    assert run(cache) == ["[]", digest]


@pytest.mark.parametrize("damage", ["truncated", "of another kernel"])
def test_a_damaged_cache_is_replaced(warm, tmp_path, damage):
    cache, (_, digest) = warm
    damaged = tmp_path / "cache"
    shutil.copytree(cache, damaged)
    suffix = "*.nbc" if damage == "truncated" else "*.nbi"
    for path in damaged.rglob(suffix):
        path.write_bytes(path.read_bytes()[:100] if damage == "truncated" else b"\0 not an index")
    assert run(damaged) == [BOTH, digest]
    assert run(damaged) == ["[]", digest]


def test_a_folder_that_cannot_be_written(tmp_path):
    file = tmp_path / "a file, not a folder"
    file.write_text("")
    compiled, _ = run(file)
    assert compiled == BOTH
    assert file.read_text() == ""


def test_two_processes_at_once(tmp_path, warm):
    _, (_, digest) = warm
    processes = [start(tmp_path), start(tmp_path)]
    assert [finish(process)[1] for process in processes] == [digest, digest]
    assert run(tmp_path) == ["[]", digest]


def test_a_narrower_cpu(warm):
    cache, _ = warm
    # Its code is its own, although the folder is the same.
    already = os.environ.get("NUMBA_CPU_NAME") == "generic"
    other = "haswell" if already and platform.machine() == "x86_64" else "generic"
    compiled, _ = run(cache, NUMBA_CPU_NAME=other, NUMBA_CPU_FEATURES="")
    assert compiled == BOTH


def test_the_folder_follows_the_sources_and_the_settings(monkeypatch, tmp_path):
    code_cache.cache_folder.cache_clear()
    monkeypatch.setenv("MINILM_CACHE", str(tmp_path))
    before = code_cache.cache_folder()
    assert before.parent == tmp_path

    # A change in a helper's file, not only in the kernel's, makes another folder.
    sources = sorted(Path(code_cache.__file__).parent.glob("*.py"))
    copies = tmp_path / "kernels"
    shutil.copytree(sources[0].parent, copies)
    with (copies / "pairs.py").open("a") as file:
        file.write("# changed\n")
    monkeypatch.setattr(code_cache, "__file__", str(copies / "code_cache.py"))
    code_cache.cache_folder.cache_clear()
    assert code_cache.cache_folder() != before

    monkeypatch.delenv("MINILM_CACHE")
    monkeypatch.setattr(code_cache._config, "CACHE_DIR", str(tmp_path / "numba"))
    code_cache.cache_folder.cache_clear()
    assert code_cache.cache_folder().parent == tmp_path / "numba"
    code_cache.cache_folder.cache_clear()


def test_serial_below_and_parallel_from_a_size():
    @jit.kernel(parallel_from=10)
    def nothing(x):
        """A docstring that stays."""
        return x

    assert nothing.__doc__ == "A docstring that stays."
    assert nothing.sized(9) is not nothing.sized(10)
    assert nothing.sized(10) is nothing.sized(11)

    @jit.kernel()
    def never(x):
        return x

    assert never.sized(0) is never.sized(10**12)


NORMS = """if True:
    import hashlib
    import numpy as np
    from minilm.kernels import layer_norm, rms_norm

    x, dy = np.random.default_rng(0).standard_normal((2, 700, 48)).astype(np.float32)
    gain = np.ones(48, np.float32)
    y, saved = rms_norm.forward(x, gain)
    z, saved_z = layer_norm.forward(x, gain, gain)
    results = [*rms_norm.backward(dy, saved), *layer_norm.backward(dy, saved_z)]
    print(hashlib.sha256(b"".join(r.tobytes() for r in results)).hexdigest())
"""


def test_kernels_that_share_helpers_give_the_same_bits_compiled_and_loaded(tmp_path):
    # Helpers that were not inlined once made these differ in the last bit.
    assert run(tmp_path, NORMS) == run(tmp_path, NORMS)


@pytest.mark.filterwarnings("ignore:Cannot cache:numba.core.errors.NumbaWarning")
def test_a_long_kernel_is_compiled_once_for_one_thread_and_for_all():
    @jit.kernel(parallel_from=10, long=1)
    def threads(x):
        for _ in numba.prange(1):
            x[0] = numba.get_num_threads()

    n_threads, small, large = numba.get_num_threads(), np.zeros(1), np.zeros(10)
    threads(small)
    threads(large)
    assert (small[0], large[0]) == (1, n_threads)
    assert numba.get_num_threads() == n_threads
    assert len(threads.parallel.signatures) == 1
