"""Descriptions: what is written is read back, and rubbish is one line."""

import contextlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from minilm.errors import MinilmError
from minilm.golden.checking import check
from minilm.golden.description import KEY, read
from minilm.golden.recording import Recording
from minilm.storage.tensor_file import TensorFile
from tests.golden.configs import RECIPE, SMALL, small_file, small_model, tensors


@pytest.mark.parametrize("name", SMALL)
def test_what_is_written_is_read_back(name: str, tmp_path: Path) -> None:
    plan = Recording(small_model(name), recipe=RECIPE, n_steps=1, dtype="float64")
    plan.write(tmp_path / "a")
    assert read(TensorFile(tmp_path / "a")) == plan.described()


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_file(tmp_path_factory.mktemp("description") / "a", n_steps=1)


def described(small: Path, path: Path, **changes: Any) -> Path:
    """The file with other words in its description; None takes them away."""
    found, metadata = tensors(small)
    about = json.loads(metadata[KEY])
    for key, value in changes.items():
        if value is None:
            del about[key]
        else:
            about[key] = value
    save_file(found, path, {KEY: json.dumps(about)})
    return path


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": 2}, "it is of format 2, not 1"),
        ({"format": None}, "it is of format None"),
        ({"dtype": "float16"}, "'float16' is none of float64, float32"),
        ({"steps": -1}, "-1 is not a size"),
        ({"steps": "1"}, "'1' is not a size"),
        ({"steps": True}, "True is not a size"),
        ({"letters": []}, "a table in it is none"),
        ({"letters": {"B": 1.5}}, "1.5 is not a size"),
        ({"tensors": {}}, "its tensors are not a list"),
        ({"tensors": ["loss"]}, "a table in it is none"),
        ({"tensors": [{"name": "loss"}]}, "no 'shape'"),
        ({"tensors": [{"name": "nothing", "shape": []}]}, "'nothing', which is not in the file"),
        ({"tensors": [{"name": [], "shape": []}]}, "unhashable"),
        ({"tensors": [{"name": "loss", "shape": []}] * 2}, "'loss', which is not in the file once"),
        ({"tensors": [{"name": "loss", "shape": ["B"]}]}, "loss has 0 axes, and 1 are described"),
        ({"tensors": [{"name": "loss", "shape": [3]}]}, "loss is not a list of letters"),
        ({"tensors": []}, "it does not list the tensor"),
        ({"recipe": 3}, "a table in it is none"),
        ({"recipe": {"seed": None}}, "cannot be used"),
        ({"recipe": {"sead": 3}}, "the recipe in it: recipe: unknown key sead"),
        ({"recipe": {"model": {"n_head": 3}}}, "is not a multiple of model.n_head"),
        ({"loss": None}, "no 'loss'"),
    ],
)
def test_what_cannot_be_is_one_line(
    small: Path, tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    path = described(small, tmp_path / "b", **changes)
    with pytest.raises(MinilmError) as error:
        read(TensorFile(path))
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"format": 1, "format": 1}', "{}", "\ud800"])
def test_what_is_no_description_is_one_line(text: str, tmp_path: Path) -> None:
    file = TensorFile(small_file(tmp_path / "a", n_steps=0))
    file.metadata[KEY] = text
    with pytest.raises(MinilmError, match="has a description that cannot be used"):
        read(file)


def test_a_file_without_one_is_no_golden_file(tmp_path: Path) -> None:
    save_file({"loss": np.ones(())}, tmp_path / "a")
    with pytest.raises(MinilmError, match="is not a golden file: it has no description"):
        read(TensorFile(tmp_path / "a"))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
KEYS = ("format", "dtype", "steps", "letters", "loss", "recipe", "tensors", "minilm", "twin")


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(key=st.sampled_from(KEYS), inner=st.booleans(), value=JSON, data=st.data())
def test_rubbish_anywhere_is_an_error_or_is_not_used(
    small: Path, tmp_path: Path, key: str, inner: bool, value: Any, data: st.DataObject
) -> None:
    found, metadata = tensors(small)
    about = json.loads(metadata[KEY])
    if inner and key == "recipe":
        table = data.draw(st.sampled_from(["model", "optimizer", "training", "data"]))
        about[key][table][data.draw(st.sampled_from(sorted(about[key][table])))] = value
    elif inner and key == "tensors":
        line = data.draw(st.integers(0, len(about[key]) - 1))
        about[key][line][data.draw(st.sampled_from(["name", "shape", "role"]))] = value
    elif inner and key == "letters":
        about[key][data.draw(st.sampled_from("BTHDXY"))] = value
    else:
        about[key] = value
    save_file(found, tmp_path / "b", {KEY: json.dumps(about)})
    with contextlib.suppress(MinilmError):  # whose text is one line by its nature
        check(tmp_path / "b", twin="reference")
