"""Golden files: what was planned is what is written, whole or not at all."""

import json
import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from safetensors.numpy import save_file

from minilm import golden, machine
from minilm.errors import MinilmError
from minilm.golden import recording
from minilm.golden.inputs import Inputs
from minilm.golden.recording import Recording
from minilm.storage.tensor_file import TensorFile
from tests.golden.configs import OPTIMIZER, RECIPE, SMALL, small_file, small_model, tensors


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", SMALL)
def test_what_was_planned_is_written(name: str, dtype: str, tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    written = golden.record(small_model(name), path, recipe=RECIPE, n_steps=2, dtype=dtype)
    file = TensorFile(path)
    assert set(file.names) == set(written.tensors)
    for each, planned in written.tensors.items():
        assert file.shape(each) == planned.shape, each
        assert len(planned.described.shape) == len(planned.shape)
    found, _ = tensors(path)
    assert sum(array.nbytes for array in found.values()) == written.n_bytes
    assert sum(n_bytes for _, n_bytes in written.groups().values()) == written.n_bytes
    kinds = {each: array.dtype.name for each, array in found.items()}
    assert {kinds[each] for each in kinds if not each.startswith("input.")} == {dtype}
    assert kinds["input.tokens"] == "int64"


@pytest.mark.parametrize(("batch_size", "positions"), [(1, 1), (1, 5), (4, 1)])
def test_shapes_of_any_batch(batch_size: int, positions: int, tmp_path: Path) -> None:
    model = small_model("modern")
    inputs = Inputs.drawn(model, n_batches=1, batch_size=batch_size, positions=positions)
    golden.record(model, tmp_path / "a", inputs=inputs, n_steps=1)
    found, _ = tensors(tmp_path / "a")
    expected = (batch_size, 4, positions, positions)
    assert found["value.blocks.0.attention.scores"].shape == expected


def test_the_file_says_what_it_is(tmp_path: Path) -> None:
    found, metadata = tensors(small_file(tmp_path / "a"))
    about = json.loads(metadata["golden"])
    assert [line["name"] for line in about["tensors"]][:2] == ["input.tokens", "input.targets"]
    assert {line["name"] for line in about["tensors"]} == set(found)
    decaying = {line["name"] for line in about["tensors"] if line.get("decay")}
    assert decaying == {
        name for name, array in found.items() if name.startswith("parameter.") and array.ndim == 2
    }
    assert about["letters"]["T"] == found["input.tokens"].shape[2] == 9
    assert about["recipe"]["optimizer"]["clip_norm"] == OPTIMIZER.clip_norm
    assert about["recipe"]["model"]["dropout"] == 0
    assert about["recipe"]["training"]["batch_size"] == 3
    assert (about["format"], about["steps"], about["dtype"]) == (1, 2, "float64")
    assert any("Dropout is off" in line for line in about["conventions"])


def test_no_path_of_this_machine_is_written(tmp_path: Path) -> None:
    from dataclasses import replace

    recipe = replace(RECIPE, data=replace(RECIPE.data, source=str(tmp_path / "secret" / "x.txt")))
    _, metadata = tensors(small_file(tmp_path / "a", recipe=recipe))
    assert "secret" not in metadata["golden"]
    assert json.loads(metadata["golden"])["recipe"]["data"]["source"] == "x.txt"


def test_float64_computes_what_float32_rounds(tmp_path: Path) -> None:
    fine, _ = tensors(small_file(tmp_path / "a"))
    coarse, _ = tensors(small_file(tmp_path / "b", dtype="float32"))
    name = "parameter.blocks.0.mlp.up.weight"
    np.testing.assert_array_equal(fine[name], coarse[name])
    assert (fine["value.head"] != coarse["value.head"]).any()
    np.testing.assert_allclose(fine["value.head"], coarse["value.head"], rtol=1e-4, atol=1e-5)


def test_the_model_stays_as_it_is(tmp_path: Path) -> None:
    model = small_model()
    model.parameters.gradients[...] = 7
    before = model.parameters.values.copy()
    golden.record(model, tmp_path / "a", n_steps=2)
    np.testing.assert_array_equal(model.parameters.values, before)
    assert (model.parameters.gradients == 7).all()


def test_the_same_again_is_the_same_file(tmp_path: Path) -> None:
    one, two = small_file(tmp_path / "a"), small_file(tmp_path / "b")
    assert one.read_bytes() == two.read_bytes()


def test_another_golden_file_is_replaced_and_nothing_else(tmp_path: Path) -> None:
    path = small_file(tmp_path / "a")
    small_file(path, n_steps=0)
    assert "step.1.loss" not in tensors(path)[0]
    save_file({"weights": np.ones(3)}, tmp_path / "model")
    (tmp_path / "text").write_text("text")
    for name in ("model", "text"):
        before = (tmp_path / name).read_bytes()
        with pytest.raises(MinilmError, match="is not a golden file; choose another --out"):
            small_file(tmp_path / name)
        assert (tmp_path / name).read_bytes() == before
    with pytest.raises(MinilmError, match="no folder"):
        small_file(tmp_path / "none" / "a")


def test_a_full_disk_is_told_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = Recording(small_model(), n_steps=2)
    monkeypatch.setattr(
        recording.shutil, "disk_usage", lambda _: SimpleNamespace(free=plan.n_bytes - 1)
    )
    with pytest.raises(MinilmError, match=r"and the disk has .* GB free: lower --steps"):
        plan.write(tmp_path / "a")
    assert os.listdir(tmp_path) == []


def test_too_little_memory_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "available_bytes", lambda: 10_000)
    with pytest.raises(MinilmError, match=r"of memory and 0\.0 GiB are free: lower --batch-size"):
        Recording(small_model())


def test_what_fails_half_way_leaves_nothing(tmp_path: Path) -> None:
    model = small_model()
    model.parameters.values[0] = np.inf
    with np.errstate(all="ignore"), pytest.raises(MinilmError, match="diverged"):
        golden.record(model, tmp_path / "a", n_steps=1)
    assert os.listdir(tmp_path) == []


def test_more_steps_than_batches_are_refused() -> None:
    model = small_model()
    inputs = Inputs.drawn(model, n_batches=1, batch_size=1, positions=2)
    with pytest.raises(MinilmError, match="3 steps need as many batches"):
        Recording(model, inputs=inputs, n_steps=3)
