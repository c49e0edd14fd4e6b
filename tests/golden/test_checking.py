"""This build against a file: everything is computed anew, and whatever was changed is found."""

from pathlib import Path

import numpy as np
import pytest

from minilm import golden
from minilm.backend import TWINS, active
from minilm.errors import MinilmError
from minilm.reference import gelu
from tests.golden.configs import SMALL, changed, small_file, tensors


@pytest.fixture(scope="module", params=SMALL)
def any_small(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_file(tmp_path_factory.mktemp("checking") / "a", request.param)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_file(tmp_path_factory.mktemp("checking") / "a")


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("twin", TWINS)
def test_both_twins_and_dtypes_agree(any_small: Path, twin: str, dtype: str) -> None:
    found = golden.check(any_small, twin=twin, dtype=dtype)
    assert found.ok, str(found)
    assert (found.twin, found.dtype) == (twin, dtype)
    names = [n for n in tensors(any_small)[0] if not n.startswith(("input.", "parameter."))]
    assert found.n_tensors == len(names)
    assert found.tolerance == {"float64": 1e-9, "float32": 1e-5}[dtype]


def test_the_twin_is_the_active_one_unless_given(small: Path) -> None:
    assert golden.check(small).twin == active()


def test_a_float32_file(tmp_path: Path) -> None:
    path = small_file(tmp_path / "a", dtype="float32")
    found = golden.check(path)
    assert found.ok
    assert found.dtype == "float32"
    assert golden.check(path, dtype="float64").tolerance == 1e-5


@pytest.mark.parametrize(
    "name",
    [
        "value.position_embedding",
        "value.blocks.1.attention.scores",
        "loss",
        "gradient.value.head",
        "gradient.parameter.token_embedding.weight",
        "step.1.gradient_norm",
        "step.2.learning_rate",
        "step.2.parameter.final_norm.bias",
    ],
)
def test_one_number_that_is_off_is_found(small: Path, tmp_path: Path, name: str) -> None:
    array = tensors(small)[0][name].copy()
    place = (0,) * array.ndim
    scale = np.abs(array[np.isfinite(array)]).max()
    array[place] += 1e-7 * scale
    path = changed(tmp_path / "b", small, **{name.replace(".", "__"): array})
    found = golden.check(path)
    assert not found.ok
    assert found.first.name == name
    assert found.first.difference.place == place
    # After a step Adam's share of rounding is part of the measure.
    assert found.first.difference.error == pytest.approx(1e-7, rel=0.2)
    assert f"is {name}\n" in str(found)
    assert found.last_agreed != name


def test_a_wrong_build_is_found(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    right = gelu.backward
    monkeypatch.setattr(gelu, "backward", lambda dy, saved: 1.001 * right(dy, saved))
    found = golden.check(small, twin="reference")
    assert found.first.name == "gradient.value.blocks.1.mlp.up"
    assert found.last_agreed == "gradient.value.blocks.1.mlp.activation"


def test_other_inputs_or_parameters_give_other_states(small: Path, tmp_path: Path) -> None:
    tokens = (tensors(small)[0]["input.tokens"] + 1) % 13
    path = changed(tmp_path / "b", small, input__tokens=tokens)
    assert golden.check(path).first.name == "value.token_embedding"
    bias = tensors(small)[0]["parameter.blocks.0.norm_2.bias"] + 1
    path = changed(tmp_path / "b", small, parameter__blocks__0__norm_2__bias=bias)
    assert golden.check(path).first.name == "value.blocks.0.norm_2"


def test_what_this_build_does_not_compute_fails(small: Path, tmp_path: Path) -> None:
    import json

    from safetensors.numpy import save_file

    found, metadata = tensors(small)
    about = json.loads(metadata["golden"])
    about["tensors"].insert(40, {"name": "value.other", "shape": ["B"]})
    save_file(found | {"value.other": np.ones(3)}, tmp_path / "b", {"golden": json.dumps(about)})
    result = golden.check(tmp_path / "b")
    assert not result.ok
    assert result.first is None
    assert result.not_computed == ["value.other"]
    assert "FAILED: this build has no value.other" in str(result)


BLOCK = np.zeros((2, 3, 9), np.int64)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"parameter__final_norm__bias": np.ones(5)}, "(5,), the recipe's model (12,)"),
        ({"parameter__final_norm__bias": np.ones(12, int)}, "parameter.final_norm.bias is I64"),
        ({"input__tokens": BLOCK + 13}, "input.tokens from 13 to 13 do not fit"),
        ({"input__targets": BLOCK - 7}, "input.targets from -7 to -7 do not fit"),
        ({"input__targets": BLOCK[:, :, :3]}, "input.targets has the shape (2, 3, 3)"),
        ({"input__targets": BLOCK.astype(bool)}, "BOOL"),
        ({"input__tokens": BLOCK[:1], "input__targets": BLOCK[:1]}, "2 steps, 1 batches"),
        ({"input__tokens": BLOCK.astype(float)}, "input.tokens holds float64"),
    ],
)  # fmt: skip
def test_what_cannot_be_computed_is_one_line(
    small: Path, tmp_path: Path, changes: dict, message: str
) -> None:
    path = changed(tmp_path / "b", small, **changes)
    with pytest.raises(MinilmError) as error:
        golden.check(path)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("n_layer", 10**9, "model.n_layer = 1000000000 is more than its tensors allow"),
        ("n_layer", 3, "it lacks parameter.blocks.2.norm_1.weight"),
        ("vocab_size", 10**12, "the recipe's model (1000000000000, 12)"),
        ("vocab_size", 0, "the recipe's model (0, 12)"),
        ("block_size", 10**9, "parameter.position_embedding.weight has the shape (9, 12)"),
        ("n_embd", 24, "has the shape"),
    ],
)
def test_a_hostile_recipe_allocates_nothing(
    small: Path, tmp_path: Path, key: str, value: int, message: str
) -> None:
    import json

    from safetensors.numpy import save_file

    found, metadata = tensors(small)
    about = json.loads(metadata["golden"])
    about["recipe"]["model"][key] = value
    save_file(found, tmp_path / "b", {"golden": json.dumps(about)})
    with pytest.raises(MinilmError) as error:
        golden.check(tmp_path / "b")
    assert message in str(error.value)


def test_a_truncated_file_is_one_line(small: Path, tmp_path: Path) -> None:
    data = small.read_bytes()
    for length in (0, 7, 100, len(data) // 2, len(data) - 1):
        (tmp_path / "b").write_bytes(data[:length])
        with pytest.raises(MinilmError) as error:
            golden.check(tmp_path / "b")
        assert "is not a sound safetensors file" in str(error.value)
    with pytest.raises(MinilmError, match="no such file"):
        golden.check(tmp_path / "none")


def test_the_result_as_text_and_as_json(small: Path) -> None:
    found = golden.check(small)
    lines = str(found).splitlines()
    assert lines[0].endswith(f"computed anew in float64 by {found.twin}")
    assert lines[2].split() == ["tensors", "error", "largest", "in"]
    assert lines[-1].startswith("all within 1e-09 of each tensor's scale")
    as_json = found.to_dict()
    assert as_json["ok"] is True
    assert as_json["first"] is None
    assert as_json["groups"]["gradients"]["n_tensors"] == 63
