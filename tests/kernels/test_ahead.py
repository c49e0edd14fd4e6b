"""Kernels compiled by other processes before they are used."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numba
import numpy as np
import pytest

from minilm.kernels import ahead, gelu, jit, linear

# Notes a step of two kernels, has them compiled, and prints what was compiled where.
CODE = """if True:
    import numpy as np
    from numba.core import event
    from minilm.kernels import gelu, jit
    from minilm.kernels.ahead import compile_ahead, missing

    x = np.linspace(-3, 3, 700, dtype=np.float32).reshape(7, 100)

    def step():
        y, saved = gelu.forward(x)
        return y, gelu.backward(y, saved)

    compiled = []
    with (
        event.install_recorder("numba:compile") as here,
        jit.on_compile(lambda name, seconds: compiled.append((name, seconds > 0))),
    ):
        with jit.noting() as calls:
            step()
        compile_ahead(missing(calls))
        compile_ahead(missing(calls))
        y, dx = step()
    print(sorted(compiled), bool(here.buffer))
    print(float(np.abs(y).sum()) > 1, float(np.abs(dx).sum()) > 1)
"""
BOTH = "[('gelu.backward', True), ('gelu.forward', True)]"


def run(cache, code=CODE, **environment):
    environment = {**os.environ, "MINILM_CACHE": str(cache), "NUMBA_NUM_THREADS": "2"} | environment
    found = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert found.stderr == ""
    return found.stdout.splitlines()


def test_what_was_noted_is_compiled_elsewhere_once_and_used(tmp_path):
    assert run(tmp_path) == [f"{BOTH} False", "True True"]
    assert run(tmp_path) == ["[] False", "True True"]


@pytest.mark.parametrize("how", ["one core", "no folder", "no python", "a compiler that ends"])
def test_else_it_is_compiled_here(tmp_path, how):
    code, cache = CODE, tmp_path
    if how == "no folder":
        cache = tmp_path / "a file"
        cache.write_text("")
    if how == "no python":
        code = "import sys; sys.executable = '/nowhere/python'\n" + CODE
    if how == "a compiler that ends":
        code = "from minilm.kernels import ahead; ahead._START = 'raise SystemExit'\n" + CODE
    cores = "1" if how == "one core" else "2"
    lines = run(cache, code, NUMBA_NUM_THREADS=cores)
    assert lines == [f"{BOTH} True", "True True"]


def test_while_noting_nothing_is_computed():
    x, w = np.ones((40, 8), np.float32), np.ones((8, 8), np.float32)
    total = np.zeros((8, 8), np.float32)
    with jit.noting() as calls:
        linear.product(x.T, x, total, accumulate=True)
        linear.product(x.T, x, total, accumulate=True)
        gelu.forward(w)
    assert not total.any()
    forms = [call.form.function.__module__.rpartition(".")[2] for call in calls]
    assert forms == ["linear", "gelu"]
    linear.product(x.T, x, total, accumulate=True)
    assert (total == 40).all()


@pytest.mark.parametrize(
    "value",
    [
        np.zeros((2, 3), np.float32),
        np.zeros((2, 3), np.uint16).T,
        np.zeros((4, 4))[::2, ::2],
        np.broadcast_to(np.zeros(3), (2, 3)),
        np.zeros(2, np.bool_),
        3,
        np.uint32(3),
        2.5,
        np.float32(2.5),
        True,
        None,
        (1, 2),
        (1, 2.0, np.zeros(2)),
    ],
)
def test_a_type_survives_being_written_down(value):
    kind = numba.typeof(value)
    assert ahead._type(json.loads(json.dumps(ahead._description(kind)))) == kind


def test_what_cannot_be_written_down_is_left_to_the_run():
    form = gelu._forward.serial
    assert ahead._line(jit.Call(form, (numba.typeof("text"),))) is None
