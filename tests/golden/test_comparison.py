"""Two files: the first tensor, in the order of computation, to differ."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from minilm import golden
from minilm.errors import MinilmError
from tests.golden.configs import changed, small_file, tensors


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_file(tmp_path_factory.mktemp("comparison") / "a.safetensors")


def port(small: Path, path: Path, **arrays: np.ndarray) -> Path:
    """What a port might have written: no description, and other numbers here and there."""
    found, _ = tensors(small)
    for name, array in arrays.items():
        found[name.replace("__", ".")] = np.asarray(array)
    save_file(found, path)
    return path


def of(small: Path, name: str) -> np.ndarray:
    return tensors(small)[0][name]


def test_a_file_is_like_itself(small: Path) -> None:
    found = golden.compare(small, small)
    assert found.alike
    assert found.n_tensors == len(tensors(small)[0])
    assert found.only_a == found.only_b == []
    assert found.last_agreed == "step.2.parameter.final_norm.bias"
    assert "no tensor differs" in str(found)


ORDER = [
    "input.targets",
    "parameter.blocks.1.mlp.down.bias",
    "value.token_embedding",
    "value.blocks.0.attention.mixed",
    "value.head",
    "loss",
    "gradient.value.head",
    "gradient.value.final_norm",
    "gradient.parameter.final_norm.weight",
    "gradient.value.blocks.0",
    "gradient.value.token_embedding",
    "gradient.parameter.token_embedding.weight",
    "step.1.gradient_norm",
    "step.1.parameter.token_embedding.weight",
    "step.2.loss",
]


@pytest.mark.parametrize("at", range(len(ORDER)))
def test_the_first_in_the_order_of_computation_is_named(
    small: Path, tmp_path: Path, at: int
) -> None:
    wrong = {name.replace(".", "__"): of(small, name) + 1 for name in ORDER[at:]}
    found = golden.compare(small, port(small, tmp_path / "b", **wrong))
    assert not found.alike
    assert found.first.name == ORDER[at]
    assert [parting.name for parting in found.parted] == ORDER[at:]


def test_any_part_of_the_names_will_do(small: Path, tmp_path: Path) -> None:
    head = of(small, "value.head")
    save_file({"value.head": head, "mine": head, "loss": of(small, "loss")}, tmp_path / "b")
    found = golden.compare(small, tmp_path / "b")
    assert found.alike
    assert found.n_tensors == 2
    assert found.only_b == ["mine"]
    assert len(found.only_a) == len(tensors(small)[0]) - 2
    text = str(found)
    assert "1 tensor only in B: mine" in text
    assert "tensors only in A: input.tokens, input.targets, parameter.token_embedding" in text


def test_a_port_in_another_precision(small: Path, tmp_path: Path) -> None:
    names = ("value.blocks.0.mlp.up", "value.blocks.0.attention.scores", "loss")
    for dtype in (np.float32, np.float16):
        save_file({name: of(small, name).astype(dtype) for name in names}, tmp_path / "b")
        assert golden.compare(small, tmp_path / "b").alike
        assert not golden.compare(small, tmp_path / "b", tolerance=1e-9).alike
    tokens = of(small, "input.tokens").astype(np.int32)
    save_file({"input.tokens": tokens}, tmp_path / "b")
    assert golden.compare(small, tmp_path / "b").alike


def test_masks(small: Path, tmp_path: Path) -> None:
    name = "value.blocks.0.attention.scores"
    scores = of(small, name)
    other = np.where(scores == -np.inf, -1e9, scores)
    assert golden.compare(small, port(small, tmp_path / "b", **{name: other})).alike
    for wrong in (np.where(scores == -np.inf, 0, scores), np.full_like(scores, np.nan)):
        found = golden.compare(small, port(small, tmp_path / "b", **{name: wrong}))
        assert found.first.name == name
        assert found.first.difference.error == np.inf
        assert "where only one of them is a number" in str(found)


def test_size_and_place(small: Path, tmp_path: Path) -> None:
    name = "value.blocks.0.attention.mixed"
    wrong = of(small, name).copy()
    wrong[1, 0, 4:6] += 0.25
    wrong[1, 0, 5, 2] -= 3
    found = golden.compare(small, port(small, tmp_path / "b", **{name: wrong}))
    assert (found.first.difference.n_apart, found.first.difference.place) == (12, (1, 0, 5, 2))
    text = str(found)
    assert f"They part at {name},\nnumber 41 of" in text
    assert "(B, H, T, D) = (3, 2, 9, 6)" in text
    assert "12 of 324 entries" in text
    assert "b 1, h 0, t 4 to 5" in text
    assert "b 1, h 0, t 5, d 2" in text
    assert f"{of(small, name)[1, 0, 5, 2]:.10g}" in text
    assert f"{wrong[1, 0, 5, 2]:.10g}" in text
    assert "The last before it, value.blocks.0.attention.weights, agrees to 1e-09." in text


def test_the_very_first(small: Path, tmp_path: Path) -> None:
    save_file({"loss": np.array(3.0)}, tmp_path / "b")
    found = golden.compare(small, tmp_path / "b")
    assert found.last_agreed is None
    assert "It is the first that was compared." in str(found)


def test_another_golden_file(small: Path, tmp_path: Path) -> None:
    other = small_file(tmp_path / "b", "modern")
    found = golden.compare(small, other)
    assert not found.alike
    assert found.first.difference is None
    assert "shape in B" in str(found)


def test_as_json(small: Path, tmp_path: Path) -> None:
    name = "value.blocks.0.attention.scores"
    wrong = np.abs(np.nan_to_num(of(small, name), neginf=0))
    path = port(small, tmp_path / "b", **{name: wrong, "value__head": of(small, "value.head") * 2})
    found = golden.compare(small, path).to_dict()
    assert "parted" not in found
    assert found["alike"] is False
    assert (found["first"]["name"], found["first"]["a"]) == (name, "-inf")
    everything = golden.compare(small, path).to_dict(everything=True)
    assert [parting["name"] for parting in everything["parted"]] == [name, "value.head"]


def test_what_cannot_be_compared_is_one_line(small: Path, tmp_path: Path) -> None:
    save_file({"other": np.ones(3)}, tmp_path / "b")
    for a, b, message in (
        (small, tmp_path / "b", "has no tensor of a name that"),
        (tmp_path / "b", small, "is not a golden file: it has no description"),
        (small, tmp_path / "none", "no such file"),
        (small, tmp_path, "is not a file"),
    ):
        with pytest.raises(MinilmError) as error:
            golden.compare(a, b)
        assert message in str(error.value)
    flags = changed(tmp_path / "c", small, input__tokens=of(small, "input.tokens") > 3)
    with pytest.raises(MinilmError, match="BOOL"):
        golden.compare(small, flags)
