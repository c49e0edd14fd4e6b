"""Writing safetensors files: what the library reads back, whole or absent, in bounded memory."""

import errno
import os
import subprocess
import sys
import weakref
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.extra.numpy import array_shapes, arrays
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from minilm.errors import MinilmError
from minilm.storage import tensor_write
from minilm.storage.tensor_file import TensorFile
from minilm.storage.tensor_write import Lazy, write

DTYPES = [np.float16, np.float32, np.float64, np.int8, np.int64, np.uint16]
ARRAYS = st.sampled_from(DTYPES).flatmap(
    lambda dtype: arrays(dtype, array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=5))
)


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tensor_write, "BLOCK_BYTES", 16)


@pytest.mark.usefixtures("small_blocks")
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(st.text(max_size=5).filter("__metadata__".__ne__), ARRAYS, max_size=4),
    st.sampled_from(["as it is", "transposed", "lazy", "reversed", "big-endian"]),
)
def test_the_library_reads_what_was_written(tmp_path: Path, tensors: dict, how: str) -> None:
    change = {
        "as it is": lambda a: a,
        "transposed": lambda a: a.T,
        "lazy": lambda a: Lazy(a.shape, a.dtype, lambda: a),
        "reversed": lambda a: a[::-1] if a.ndim else a,
        "big-endian": lambda a: a.astype(a.dtype.newbyteorder(">")),
    }[how]
    given_ = {name: change(array) for name, array in tensors.items()}
    write(tmp_path / "a", given_, {"format": "pt"})
    found = load_file(tmp_path / "a")
    assert found.keys() == tensors.keys() == TensorFile(tmp_path / "a").names
    for name, array in given_.items():
        array = array.make() if isinstance(array, Lazy) else array
        native = array.astype(array.dtype.newbyteorder("="))
        np.testing.assert_array_equal(found[name], native, strict=True)
    assert int.from_bytes((tmp_path / "a").read_bytes()[:8], "little") % 8 == 0  # aligns the data
    assert os.listdir(tmp_path) == ["a"]


def test_the_same_bytes_as_the_library(tmp_path: Path) -> None:
    tensors = {
        "a": np.arange(6, dtype=np.float32).reshape(2, 3),
        "b": np.ones(3, np.float32),
        "d": np.arange(2, dtype=np.float64),
        "é": np.ones((2, 0), np.float32),
    }
    write(tmp_path / "ours", tensors, {"format": "pt"})
    save_file(tensors, tmp_path / "theirs", {"format": "pt"})
    assert (tmp_path / "ours").read_bytes() == (tmp_path / "theirs").read_bytes()
    with safe_open(tmp_path / "ours", "np") as file:
        assert file.metadata() == {"format": "pt"}


def test_order_is_kept_among_equal_dtypes(tmp_path: Path) -> None:
    write(
        tmp_path / "a",
        {"z": np.ones(1, np.float32), "b": np.ones(1), "a": np.ones(1, np.float32)},
    )
    assert list(TensorFile(tmp_path / "a").names) == ["b", "z", "a"]


def test_lazy_tensors_are_made_one_at_a_time(tmp_path: Path) -> None:
    made: list[weakref.ref] = []

    def make() -> np.ndarray:
        assert all(earlier() is None for earlier in made)
        array = np.full(3, len(made), np.float32)
        made.append(weakref.ref(array))
        return array

    write(tmp_path / "a", {f"t{i}": Lazy((3,), np.float32, make) for i in range(3)})
    assert {name: value[2] for name, value in load_file(tmp_path / "a").items()} == {
        "t0": 0,
        "t1": 1,
        "t2": 2,
    }


def test_what_was_not_declared_or_cannot_be_named(tmp_path: Path) -> None:
    wrong = Lazy((3,), np.float32, lambda: np.ones(4, np.float32))
    with pytest.raises(ValueError, match=r"a was declared float32 \(3,\), and is float32 \(4,\)"):
        write(tmp_path / "a", {"a": wrong})
    with pytest.raises(ValueError, match="not a name"):
        write(tmp_path / "a", {"__metadata__": np.ones(1)})
    with pytest.raises(TypeError, match="text"):
        write(tmp_path / "a", {}, {"a": 1})
    assert os.listdir(tmp_path) == []


def _interrupt() -> np.ndarray:
    raise KeyboardInterrupt


def _fail() -> np.ndarray:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize(("make", "error"), [(_interrupt, KeyboardInterrupt), (_fail, MinilmError)])
def test_whole_or_absent(tmp_path: Path, make, error: type) -> None:
    write(tmp_path / "a", {"a": np.ones(3)})
    before = (tmp_path / "a").read_bytes()
    with pytest.raises(error):
        write(tmp_path / "a", {"a": np.zeros(3), "b": Lazy((3,), np.float32, make)})
    assert os.listdir(tmp_path) == ["a"]
    assert (tmp_path / "a").read_bytes() == before


FULL = """
import resource, sys
import numpy as np
from minilm.errors import MinilmError
from minilm.storage.tensor_write import write
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    write(sys.argv[1], {"a": np.zeros((1000, 100))})
except MinilmError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="has no limits on files")
def test_a_full_disk(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    done = subprocess.run(
        [sys.executable, "-c", FULL, path], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith(f"cannot write {path}: file too large; check"), done
    assert os.listdir(tmp_path) == []


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(MinilmError, match=r"cannot write .*missing/a: no such file"):
        write(tmp_path / "missing" / "a", {})
    (tmp_path / "folder").mkdir()
    with pytest.raises(MinilmError, match=r"cannot write .*folder"):
        write(tmp_path / "folder", {"a": np.ones(3)})
    assert os.listdir(tmp_path) == ["folder"]


MEASURE = """
import sys
import numpy as np
from minilm.storage.tensor_write import Lazy, write

def kilobytes(key):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(key))

model = np.ones((16, 1024, 1024), np.float32)
write(sys.argv[1], {"a": np.ones((8, 8)).T})
before = kilobytes("VmRSS")
lazy = Lazy((1024, 1024), np.float32, lambda: model[15] * 2)
write(sys.argv[1], {"strided": model.T, "one": lazy, "two": lazy})
print((kilobytes("VmHWM") - before) * 1024 / model[0].nbytes)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads Linux's accounts")
def test_peak_memory_is_one_lazy_tensor_and_a_block(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, tmp_path / "a"], capture_output=True, text=True, check=True
    )
    assert float(done.stdout) <= 2.0
