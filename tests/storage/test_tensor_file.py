"""Reading safetensors files: every value, whatever the layout; every fault in one line.

``MINILM_EXAMPLES=10000 python -m pytest tests/interop/test_tensor_file.py`` takes its time.
"""

import os
import subprocess
import sys
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file, save_file

from minilm.errors import MinilmError
from minilm.storage import tensor_file
from minilm.storage.tensor_file import TensorFile

EXAMPLES = int(os.environ.get("MINILM_EXAMPLES", "400"))
many = settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.function_scoped_fixture])


def raw_file(path: Path, dtype: str, shape: tuple[int, ...], data: bytes) -> TensorFile:
    """A file with the one tensor "a", written by hand: the library's NumPy side has no BF16."""
    header = (
        f'{{"a":{{"dtype":"{dtype}","shape":{list(shape)},"data_offsets":[0,{len(data)}]}}}}'
    ).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + data)
    return TensorFile(path)


def whole(file: TensorFile, name: str, dtype: type) -> np.ndarray:
    """The tensor by way of `blocks`, into an array full of a wrong number."""
    filled = np.full(file.shape(name), 77, dtype)
    for where, block in file.blocks(name, dtype):
        filled[where] = block
    return filled


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tensor_file, "BLOCK_BYTES", 64)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("stored", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("shape", [(), (1,), (37,), (7, 5), (3, 40), (5, 0), (0, 5), (4, 2, 3)])
def test_every_value_of_every_shape(tmp_path: Path, stored: type, dtype: type, shape: tuple):
    value = np.random.default_rng(0).normal(size=shape).astype(stored)
    other = np.arange(9, dtype=np.int64)
    path = tmp_path / "a.safetensors"
    save_file({"a": value, "z": other}, path, metadata={"format": "pt"})
    file = TensorFile(path)
    assert file.names == {"a", "z"}
    assert file.metadata == {"format": "pt"}
    assert (file.shape("a"), file.dtype("a")) == (shape, f"F{8 * np.dtype(stored).itemsize}")
    np.testing.assert_array_equal(whole(file, "a", dtype), value.astype(dtype), strict=True)
    np.testing.assert_array_equal(whole(file, "z", np.int64), other)

    straight, across = np.full(shape, 77, dtype), np.full(shape[::-1], 77, dtype)
    file.read("a", straight)
    file.read("a", across, transpose=True)
    np.testing.assert_array_equal(straight, value.astype(dtype))
    np.testing.assert_array_equal(across, value.astype(dtype).T)


@pytest.mark.usefixtures("small_blocks")
def test_blocks_are_bounded_whole_rows_in_order(tmp_path: Path) -> None:
    shapes = {"a": (10, 6), "wide": (2, 40), "double": (10, 6)}
    dtypes = {"a": np.float32, "wide": np.float32, "double": np.float64}
    save_file({name: np.zeros(shapes[name], dtypes[name]) for name in shapes}, tmp_path / "a")
    file = TensorFile(tmp_path / "a")
    where, blocks = zip(*file.blocks("a", np.float32), strict=True)
    assert where == (*(slice(i, i + 2) for i in range(0, 10, 2)),)
    assert all(block.nbytes <= 64 for block in blocks)
    assert not any(np.shares_memory(blocks[0], block) for block in blocks[1:])
    # The wider of both dtypes counts.
    assert next(file.blocks("a", np.float64))[0] == slice(0, 1)
    assert next(file.blocks("double", np.float32))[0] == slice(0, 1)
    assert [w for w, _ in file.blocks("wide", np.float32)] == [slice(0, 1), slice(1, 2)]


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize(("start", "stop"), [(0, 9), (2, 7), (8, 9), (4, 4), (5, 3), (-3, None)])
def test_a_part_of_the_rows(tmp_path: Path, start: int, stop: int | None) -> None:
    value = np.arange(45, dtype=np.float32).reshape(9, 5)
    save_file({"a": value}, tmp_path / "a")
    file = TensorFile(tmp_path / "a")
    part = value[start:stop]
    into = np.full(part.shape, 77, np.float32)
    file.read("a", into, rows=slice(start, stop))
    np.testing.assert_array_equal(into, part)
    for where, block in file.blocks("a", np.float32, rows=slice(start, stop)):
        np.testing.assert_array_equal(block, value[where])
    with pytest.raises(ValueError, match="consecutive"):
        list(file.blocks("a", np.float32, rows=slice(0, 9, 2)))


@pytest.mark.usefixtures("small_blocks")
def test_a_column_block_of_a_fused_matrix(tmp_path: Path) -> None:
    value = np.random.default_rng(0).normal(size=(6, 8)).astype(np.float32)
    save_file({"q": value}, tmp_path / "a")
    fused = np.full((8, 20), 77, np.float32)
    TensorFile(tmp_path / "a").read("q", fused[:, 4:10], transpose=True)
    np.testing.assert_array_equal(fused[:, 4:10], value.T)
    assert (fused[:, :4] == 77).all()
    assert (fused[:, 10:] == 77).all()


def test_every_bfloat16_and_float16_exactly(tmp_path: Path) -> None:
    bits = np.arange(2**16, dtype="<u2")
    wide = np.zeros((2**16, 2), "<u2")
    wide[:, 1] = bits  # the other half of a little-endian float32
    for dtype in (np.float32, np.float64):
        file = raw_file(tmp_path / "b", "BF16", (2**16,), bits.tobytes())
        exact = wide.view("<f4")[:, 0]
        found = whole(file, "a", dtype)
        np.testing.assert_array_equal(found, exact)
        np.testing.assert_array_equal(np.signbit(found), np.signbit(exact))
        assert file.not_finite == {"a": 2 * 128}

        file = raw_file(tmp_path / "h", "F16", (2**16,), bits.tobytes())
        # The definition: sign, 5 bits of exponent, 10 of fraction.
        sign = np.where(bits >> 15, -1.0, 1.0)
        exponent, fraction = (bits >> 10 & 31).astype(int), (bits & 1023).astype(float)
        normal = (1 + fraction / 1024) * 2.0 ** (exponent - 15)
        exact = sign * np.where(exponent == 0, fraction * 2.0**-24, normal)
        found, finite = whole(file, "a", dtype), exponent < 31
        np.testing.assert_array_equal(found[finite], exact[finite])
        assert not np.isfinite(found[~finite]).any()
        assert file.not_finite == {"a": 2 * 1024}
        assert file.rounded == {}


@pytest.mark.usefixtures("small_blocks")
def test_what_is_not_finite_or_rounded_is_counted(tmp_path: Path) -> None:
    value = np.full((20, 5), 0.5)
    value[3, 1], value[11, 4], value[19, 0] = np.nan, -np.inf, 1e300
    value[7, 2] = 0.1
    save_file({"a": value, "good": np.ones(4)}, tmp_path / "a")
    file = TensorFile(tmp_path / "a")
    assert file.not_finite == {}
    for _ in range(2):
        whole(file, "a", np.float32)
        whole(file, "good", np.float32)
        assert file.not_finite == {"a": 3}
        assert file.rounded == {"a": 2}
    file = TensorFile(tmp_path / "a")
    np.testing.assert_array_equal(whole(file, "a", np.float64), value)
    assert file.not_finite == {"a": 2}
    assert file.rounded == {}


def test_kinds_that_do_not_fit(tmp_path: Path) -> None:
    save_file({"ids": np.arange(3, dtype=np.int64), "w": np.ones(3, np.float32)}, tmp_path / "a")
    file = TensorFile(tmp_path / "a")
    for name, dtype in [("ids", np.float64), ("ids", np.int32), ("w", np.int64), ("w", np.float16)]:
        with pytest.raises(MinilmError, match=f"{name} is .*which does not become"):
            next(file.blocks(name, dtype))
    quantised = raw_file(tmp_path / "q", "F8_E4M3", (4,), bytes(4))
    assert (quantised.shape("a"), quantised.dtype("a")) == ((4,), "F8_E4M3")
    with pytest.raises(MinilmError, match="a is F8_E4M3, which is not read here"):
        quantised.read("a", np.zeros(4, np.float32))
    with pytest.raises(MinilmError, match="no tensor id; did you mean 'ids'"):
        file.shape("id")
    with pytest.raises(MinilmError, match=r"w has the shape \(3,\); \(4,\) is asked for"):
        file.read("w", np.zeros(4, np.float32))


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"", "it has 0 bytes"),
        (b"1234567", "it has 7 bytes"),
        ((3).to_bytes(8, "little") + b"{}", "its header claims 3 bytes, and 2 follow"),
        ((2**64 - 1).to_bytes(8, "little") + b"{}", "its header claims .* 100000000 are the limit"),
        (
            (100_000_001).to_bytes(8, "little") + b"{}",
            "its header claims .* 100000000 are the limit",
        ),
        ((0).to_bytes(8, "little"), "its header: not JSON"),
        (b"PK\3\4" + bytes(60), "its header claims"),
    ],
)
def test_lengths_that_cannot_be(tmp_path: Path, data: bytes, fault: str) -> None:
    (tmp_path / "a").write_bytes(data)
    with pytest.raises(MinilmError, match=f"a is not a sound safetensors file: {fault}"):
        TensorFile(tmp_path / "a")


def test_what_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(MinilmError, match=r"cannot read .*missing: no such file"):
        TensorFile(tmp_path / "missing")
    with pytest.raises(MinilmError, match="is not a file"):
        TensorFile(tmp_path)
    with pytest.raises(MinilmError, match="cannot read"):
        TensorFile(f"{tmp_path}/a\0b")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(MinilmError, match="is not a file"):
            TensorFile(tmp_path / "pipe")


@pytest.mark.usefixtures("small_blocks")
def test_a_file_that_changes_under_the_reader(tmp_path: Path) -> None:
    path, into = tmp_path / "a", np.zeros((9, 9), np.float32)
    save_file({"a": into}, path)
    data = path.read_bytes()

    file = TensorFile(path)
    save_file({"a": into}, tmp_path / "b")
    os.replace(tmp_path / "b", path)
    with pytest.raises(MinilmError, match="a was changed since it was opened"):
        file.read("a", into)

    file = TensorFile(path)
    path.write_bytes(data[:-4])
    with pytest.raises(MinilmError, match="a was changed since it was opened"):
        file.read("a", into)

    path.write_bytes(data)
    file = TensorFile(path)
    blocks = file.blocks("a", np.float32)
    next(blocks)
    os.truncate(path, len(data) - 4)
    with pytest.raises(MinilmError, match="a was cut short while it was read, in a;"):
        list(blocks)

    path.write_bytes(data)
    file = TensorFile(path)
    blocks = file.blocks("a", np.float32)
    next(blocks)
    with open(path, "ab") as end:
        end.write(b"more")
    with pytest.raises(MinilmError, match="a was changed since it was opened"):
        list(blocks)

    path.unlink()
    with pytest.raises(MinilmError, match="cannot read"):
        file.read("a", into)


GOOD = {
    "bias": np.array([1.5, -2.0, 3.25], np.float32),
    "half": np.arange(4, dtype=np.float16).reshape(2, 2),
    "ids": np.arange(2, dtype=np.int64),
    "one": np.array(5.0),
}
EDITS = st.one_of(
    st.tuples(st.just("flip"), st.integers(0, 2**16), st.integers(0, 7)),
    st.tuples(st.just("set"), st.integers(0, 2**16), st.integers(0, 255)),
    st.tuples(st.just("cut"), st.integers(0, 2**16), st.just(0)),
    st.tuples(st.just("drop"), st.integers(0, 2**16), st.integers(1, 9)),
    st.tuples(st.just("add"), st.integers(0, 2**16), st.integers(0, 255)),
)


def _edited(data: bytearray, edit: tuple[str, int, int]) -> bytearray:
    kind, place, value = edit
    place %= max(1, len(data))
    if kind == "cut" or not data:
        return data[:place]
    if kind == "drop":
        return data[:place] + data[place + value :]
    if kind == "add":
        return data[:place] + bytes([value]) + data[place:]
    data[place] = data[place] ^ 1 << value if kind == "flip" else value
    return data


@many
@given(st.lists(EDITS, min_size=1, max_size=3))
def test_damaged_files(tmp_path: Path, edits: list[tuple[str, int, int]]) -> None:
    path = tmp_path / "a"
    save_file(GOOD, path, metadata={"format": "pt"})
    data = bytearray(path.read_bytes())
    for edit in edits:
        data = _edited(data, edit)
    path.write_bytes(data)
    file = _opened(path)
    found = _library(path)
    if isinstance(file, str):
        assert "\n" not in file
        assert found is None or any(w in file for w in ("twice", "only these", "any memory")), file
        return
    assert found is not None
    assert file.names == found.keys()
    for name in file.names:
        code = file.dtype(name)
        if code not in tensor_file.STORED:
            with pytest.raises(MinilmError, match="is not read here"):
                whole(file, name, np.float64)
            continue
        dtype = {"F": np.float64, "B": np.float64, "I": np.int64, "U": np.uint64}[code[0]]
        ours = whole(file, name, dtype)
        if code != "BF16":
            with np.errstate(invalid="ignore"):
                np.testing.assert_array_equal(ours, found[name].astype(dtype))


def _opened(path: Path) -> TensorFile | str:
    try:
        return TensorFile(path)
    except MinilmError as error:
        return str(error)


def _library(path: Path) -> dict[str, np.ndarray] | None:
    """The library's tensors (those of NumPy's own dtypes), or None where it refuses."""
    try:
        with safe_open(path, "np") as file:
            names = {name: file.get_slice(name).get_dtype() for name in file.keys()}  # noqa: SIM118
            plain = tensor_file.STORED.keys() - {"BF16"}
            return {n: file.get_tensor(n) if code in plain else None for n, code in names.items()}
    except SafetensorError:
        return None


MEASURE = """
import sys
import numpy as np
from minilm.storage.tensor_file import TensorFile

def kilobytes(key):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(key))

file = TensorFile(sys.argv[1])
sizes = {name: int(np.prod(file.shape(name))) for name in file.names}
np.zeros((64, 64), np.float32).T.copy()
before = kilobytes("VmRSS")
flat = np.zeros(sum(sizes.values()), np.float32)
start = 0
for name, size in sizes.items():
    shape = file.shape(name)
    file.read(name, flat[start : start + size].reshape(shape[::-1]), transpose=True)
    start += size
print((kilobytes("VmHWM") - before) * 1024 / flat.nbytes)
assert (flat == 1.5).all()
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads Linux's accounts")
@pytest.mark.parametrize("code", ["BF16", "F32"])
def test_peak_memory_is_the_model_and_a_block(tmp_path: Path, code: str) -> None:
    # 96 MB as float32; one tensor is a third, so that holding a second copy of it breaks the bound.
    path, size = tmp_path / "a", {"BF16": 2, "F32": 4}[code]
    bits = np.array([1.5], np.float32).view(np.uint32) >> (16 if code == "BF16" else 0)
    # It comes last, on top of all the others.
    shapes = {**{f"t{i}": (1024, 1024) for i in range(16)}, "big": (2048, 4096)}
    fields, start = [], 0
    for name, (rows, columns) in shapes.items():
        stop = start + rows * columns * size
        fields.append(
            f'"{name}":{{"dtype":"{code}","shape":[{rows},{columns}],"data_offsets":[{start},{stop}]}}'
        )
        start = stop
    header = ("{" + ",".join(fields) + "}").encode()
    with open(path, "wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        for rows, columns in shapes.values():
            file.write(np.full((rows, columns), bits[0], f"<u{size}").tobytes())
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, path], capture_output=True, text=True, check=True
    )
    assert 1.0 <= float(done.stdout) <= 1.2


def test_the_library_reads_the_same(tmp_path: Path) -> None:
    save_file(GOOD, tmp_path / "a")
    file = TensorFile(tmp_path / "a")
    for name, value in load_file(tmp_path / "a").items():
        dtype = np.int64 if value.dtype.kind == "i" else np.float64
        np.testing.assert_array_equal(whole(file, name, dtype), value.astype(dtype), strict=True)
