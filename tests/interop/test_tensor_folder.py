"""Folders of weights: one file or shards, and an index that need not be true."""

import json
import os
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from safetensors.numpy import save_file

from minilm.errors import MinilmError
from minilm.interop.tensor_folder import INDEX, WEIGHTS, TensorFolder

EXAMPLES = int(os.environ.get("MINILM_EXAMPLES", "400"))
A, B = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"
VALUES = {
    "x": np.arange(6, dtype=np.float32).reshape(2, 3),
    "y": np.array([1.0, np.nan, 0.1]),
    "z": np.ones(4, np.float16),
}


def sharded(folder: Path, weight_map: Any) -> Path:
    folder.mkdir(exist_ok=True)
    save_file({"x": VALUES["x"], "y": VALUES["y"]}, folder / A)
    save_file({"z": VALUES["z"]}, folder / B)
    index = {"metadata": {"total_size": 56}, "weight_map": weight_map}
    (folder / INDEX).write_text(json.dumps(index))
    return folder


MAP = {"x": A, "y": A, "z": B}


@pytest.mark.parametrize("shards", [False, True])
def test_a_folder_reads_like_a_file(tmp_path: Path, shards: bool) -> None:
    if shards:
        sharded(tmp_path, MAP)
    else:
        save_file(VALUES, tmp_path / WEIGHTS)
    folder = TensorFolder(tmp_path)
    assert folder.names == {"x", "y", "z"}
    assert [file.path.name for file in folder.files] == ([A, B] if shards else [WEIGHTS])
    assert {n: folder.dtype(n) for n in folder.names} == {"x": "F32", "y": "F64", "z": "F16"}
    for name, value in VALUES.items():
        assert folder.shape(name) == value.shape
        across = np.zeros(value.shape[::-1], np.float32)
        folder.read(name, across, transpose=True)
        np.testing.assert_array_equal(across, value.astype(np.float32).T)
        ((where, block),) = folder.blocks(name, np.float64)
        np.testing.assert_array_equal(block, value[where].astype(np.float64))
    into = np.zeros((1, 3), np.float32)
    folder.read("x", into, rows=slice(1, 2))
    np.testing.assert_array_equal(into, VALUES["x"][1:])
    assert folder.not_finite == {"y": 1}
    assert folder.rounded == {"y": 1}
    with pytest.raises(MinilmError, match="has no tensor w"):
        folder.shape("w")


def test_the_single_file_goes_first(tmp_path: Path) -> None:
    sharded(tmp_path, {"x": "missing.safetensors"})
    save_file({"only": np.ones(3)}, tmp_path / WEIGHTS)
    assert TensorFolder(tmp_path).names == {"only"}


def test_what_the_index_leaves_out_still_counts(tmp_path: Path) -> None:
    assert TensorFolder(sharded(tmp_path, {"x": A, "z": B})).names == {"x", "y", "z"}


def test_links_are_followed(tmp_path: Path) -> None:
    # The cache of huggingface_hub is folders of links to files elsewhere.
    save_file(VALUES, tmp_path / "blob")
    (tmp_path / "snapshot").mkdir()
    (tmp_path / "snapshot" / WEIGHTS).symlink_to("../blob")
    assert TensorFolder(tmp_path / "snapshot").names == {"x", "y", "z"}


@pytest.mark.parametrize(
    ("weight_map", "fault"),
    [
        (None, "no weight_map"),
        ([], "no weight_map"),
        ({}, "no weight_map"),
        ({"x": 1}, "x should be in something, which is not the plain name"),
        ({"x": "../other/model.safetensors"}, "x should be in .*, which is not the plain name"),
        ({"x": "/etc/model.safetensors"}, "is not the plain name"),
        ({"x": "..\\model.safetensors"}, "is not the plain name"),
        ({"x": "C:model.safetensors"}, "is not the plain name"),
        ({"x": "a\0.safetensors"}, "is not the plain name"),
        ({"x": "pytorch_model.bin"}, "is not the plain name"),
        ({"x": ".."}, "is not the plain name"),
        ({"x": "a" * 5000 + ".safetensors"}, "is not the plain name"),
        ({**MAP, "w": "lost.safetensors"}, r"lost\.safetensors is missing, which model\.safeten"),
        ({**MAP, "w": A}, f"w should be in {A}, but no file has it"),
        ({**MAP, "x": B}, f"x should be in {B}, but it is in {A}"),
    ],
)
def test_an_index_that_is_not_true(tmp_path: Path, weight_map: Any, fault: str) -> None:
    save_file({"x": np.ones(1)}, tmp_path / "model.safetensors")  # where "../" would lead
    with pytest.raises(MinilmError, match=fault) as caught:
        TensorFolder(sharded(tmp_path / "folder", weight_map))
    assert len(str(caught.value)) < 600


def test_a_tensor_in_two_files(tmp_path: Path) -> None:
    sharded(tmp_path, MAP)
    save_file({"z": VALUES["z"], "x": VALUES["x"]}, tmp_path / B)
    with pytest.raises(MinilmError, match=f"x is in two files, {A} and {B}"):
        TensorFolder(tmp_path)


def test_a_damaged_shard_is_named(tmp_path: Path) -> None:
    sharded(tmp_path, MAP)
    os.truncate(tmp_path / B, 20)
    with pytest.raises(MinilmError, match=f"{B} is not a sound safetensors file"):
        TensorFolder(tmp_path)
    (tmp_path / INDEX).write_text('{"weight_map": {"x": 1, "x": 2}}')
    with pytest.raises(MinilmError, match="cannot be used: the key 'x' stands in it twice"):
        TensorFolder(tmp_path)


@pytest.mark.parametrize(
    "name", ["pytorch_model.bin", "pytorch_model-00001-of-00002.bin", "model.pth", "tf_model.h5"]
)
def test_pickled_weights_are_not_opened(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(MinilmError, match=f"its weights in {name} only; .*save_pretrained"):
        TensorFolder(tmp_path)
    save_file(VALUES, tmp_path / WEIGHTS)
    assert TensorFolder(tmp_path).names == VALUES.keys()


def test_what_is_no_folder_of_weights(tmp_path: Path) -> None:
    with pytest.raises(MinilmError, match="no folder"):
        TensorFolder(tmp_path / "missing")
    (tmp_path / "file").write_text("x")
    with pytest.raises(MinilmError, match="file is a file; give the folder"):
        TensorFolder(tmp_path / "file")
    with pytest.raises(MinilmError, match=r"has no model\.safetensors and no"):
        TensorFolder(tmp_path)
    (tmp_path / WEIGHTS).mkdir()
    with pytest.raises(MinilmError, match="is not a file"):
        TensorFolder(tmp_path)
    with pytest.raises(MinilmError):
        TensorFolder(f"{tmp_path}/a\0b")


SHARDS = st.one_of(st.sampled_from([A, B, "lost.safetensors", "../x", ""]), st.text(max_size=5))
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.floats(), st.integers(), SHARDS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)
INDICES = st.one_of(
    st.binary(max_size=40),
    JSON.map(json.dumps).map(str.encode),
    st.one_of(JSON, st.dictionaries(st.sampled_from("wxyz"), SHARDS)).map(
        lambda found: json.dumps({"weight_map": found}).encode()
    ),
)


@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(INDICES)
def test_random_indices(tmp_path: Path, data: bytes) -> None:
    sharded(tmp_path, MAP)
    (tmp_path / INDEX).write_bytes(data)
    folder = _opened(tmp_path)
    if isinstance(folder, str):
        assert "\n" not in folder
        return
    assert folder.names <= VALUES.keys()
    assert json.loads(data)["weight_map"].items() <= MAP.items()


def _opened(path: Path) -> TensorFolder | str:
    try:
        return TensorFolder(path)
    except MinilmError as error:
        return str(error)
