"""Which module stands for an operation, in each twin and precision."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

from minilm import backend
from minilm.errors import MinilmError


def test_twins():
    assert backend.ops.linear.__name__ == "minilm.kernels.linear"
    assert backend.ops.softmax.__name__ == "minilm.reference.softmax"
    with backend.using("reference"):
        assert backend.ops.linear.__name__ == "minilm.reference.linear"
    assert backend.active() == "kernels"


def test_mixed_precision_stands_in_where_it_exists():
    with backend.computing("bf16"):
        assert backend.ops.linear.__name__ == "minilm.kernels.linear_bf16"
        assert backend.ops.attention.__name__ == "minilm.kernels.attention_bf16"
        assert backend.ops.gelu.__name__ == "minilm.kernels.gelu"
        with backend.using("reference"):
            assert backend.ops.linear.__name__ == "minilm.reference.linear_bf16"
    assert backend.ops.linear.__name__ == "minilm.kernels.linear"


def test_unknown_names():
    with pytest.raises(MinilmError, match=r"did you mean .bf16"), backend.computing("bf61"):
        raise AssertionError
    with pytest.raises(ValueError, match="no twin"), backend.using("kernel"):
        raise AssertionError


FREED = """
import ctypes, minilm, numpy as np
end = ctypes.CDLL(None).sbrk
end.restype, end.argtypes = ctypes.c_void_p, [ctypes.c_long]
before = end(0)
arrays = [np.empty(2**30, np.uint8) for _ in range(3)]  # which nobody touches: no memory yet
arrays.clear()
print((end(0) - before) >> 30)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="a setting of glibc")
def test_freed_memory_is_kept_however_much():
    free = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    command = [sys.executable, "-c", FREED]
    for environment, kept in ((free, "3"), (free | {"MALLOC_TOP_PAD_": "0"}, "0")):
        run = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        assert run.stdout.strip() == kept, environment
