"""``minilm info``: facts of this machine, and advice that follows from facts."""

import json
from dataclasses import replace

import pytest

from minilm.cli import limits
from minilm.cli.info import Info
from minilm.errors import MinilmError

GOOD = limits.Facts(
    processor="P", cores=4, threads=4, thread_layer="omp", compiled_for="c", host_vector_bytes=64,
    vector_bytes=64, bf16="float32", blas="b", blas_core="SkylakeX", blas_threads=4, memory_bytes=1,
    available_bytes=1, cache_folder="f", cache_writable=True, others_busy=0.0, versions={},
)  # fmt: skip


def test_facts_agree_with_the_process(capsys):
    assert Info(json=True).run() == 0
    found = json.loads(capsys.readouterr().out)
    assert found["threads"] >= 1
    assert found["vector_bytes"] in (16, 32, 64)
    assert found["thread_layer"] in ("omp", "tbb", "workqueue")
    assert Info().run() == 0
    out = capsys.readouterr().out
    assert found["processor"] in out
    assert f"vectors of {found['vector_bytes']} bytes" in out


def test_nothing_to_say_of_a_good_machine():
    assert limits.advice(GOOD) == []


@pytest.mark.parametrize(
    ("changed", "environment", "words"),
    [
        ({"vector_bytes": 16}, {"NUMBA_CPU_NAME": "generic"}, "unset NUMBA_CPU_NAME"),
        ({"threads": 1}, {"NUMBA_NUM_THREADS": "1"}, "1 of 4 cores: unset NUMBA_NUM_THREADS"),
        ({"threads": 2}, {}, "its choice"),
        ({"thread_layer": "workqueue"}, {}, "libgomp"),
        ({}, {"OMP_WAIT_POLICY": "PASSIVE"}, "OMP_WAIT_POLICY"),
        ({}, {"NUMBA_OPT": "1"}, "NUMBA_OPT"),
        ({"cache_writable": False}, {}, "MINILM_CACHE"),
        ({"others_busy": 0.5}, {}, "50% of the cores"),
        ({"blas_core": "Haswell"}, {"OPENBLAS_CORETYPE": "Haswell"}, "OPENBLAS_CORETYPE"),
        ({"blas_threads": 1}, {"OMP_NUM_THREADS": "1"}, "BLAS runs on 1 of 4 cores"),
    ],
)
def test_each_hindrance_is_named_with_what_to_change(changed, environment, words):
    (line,) = limits.advice(replace(GOOD, environment=environment, **changed))
    assert words in line


def test_without_compilation_it_says_so(monkeypatch):
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    with pytest.raises(MinilmError, match="unset"):
        Info().run()
