from __future__ import annotations

import importlib.util

import pytest

from minilm.kernels import processor
from minilm.kernels.jit import kernel


def _again():
    """The module as a process would import it that has the settings of now."""
    again = importlib.util.spec_from_file_location("again", processor.__file__)
    module = importlib.util.module_from_spec(again)
    again.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("features", "n_bytes", "many"),
    [
        ("+avx2,+fma,+avx512f", 64, True),
        ("+avx2,+fma,-avx512f", 32, False),
        ("+avx2", 16, False),
        ("+fma", 16, False),
        ("+neon", 16, True),
        ("", 16, False),
    ],
)
def test_what_a_user_chose_is_kept(features, n_bytes, many, monkeypatch):
    monkeypatch.setattr(processor._config, "CPU_NAME", "generic")
    monkeypatch.setattr(processor._config, "CPU_FEATURES", features)
    there = {name[1:] for name in features.split(",") if name.startswith("+")}
    module = _again()
    assert module._features() == dict.fromkeys(there, True)
    assert (n_bytes, many) == (module.BYTES, module.MANY_REGISTERS)
    assert features == processor._config.CPU_FEATURES


@pytest.mark.parametrize("wide", [True, False])
def test_wide_vectors_are_preferred_where_there_are_any(wide, monkeypatch):
    class Found(dict):
        def flatten(self):
            return ",".join("+-"[not there] + name for name, there in self.items())

    found = Found({"avx2": True, "fma": True, "avx512f": wide})
    monkeypatch.setattr(processor._config, "CPU_NAME", None)
    monkeypatch.setattr(processor._config, "CPU_FEATURES", None)
    monkeypatch.setattr(processor.llvmlite.binding, "get_host_cpu_features", lambda: found)
    _again()
    expected = "+avx2,+fma,+avx512f,-prefer-256-bit" if wide else None
    assert expected == processor._config.CPU_FEATURES


@kernel()
def _double(x):
    for i in range(x.size):
        x[i] = 2 * x[i]


@pytest.mark.skipif(processor.BYTES < 64, reason="needs AVX-512")
def test_loops_use_the_widest_vectors():
    import numpy as np

    x = np.ones(1000, np.float32)
    _double(x)
    assert set(x) == {2}
    (code,) = _double.serial._dispatcher.inspect_asm().values()
    assert "%zmm" in code
