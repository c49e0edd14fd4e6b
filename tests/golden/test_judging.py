"""What is held against what, and by which measure."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from minilm.golden.description import read
from minilm.golden.judging import GROUPS, Judge, load
from minilm.storage.tensor_file import TensorFile
from tests.golden.configs import OPTIMIZER, RECIPE, small_file


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> TensorFile:
    return TensorFile(small_file(tmp_path_factory.mktemp("judging") / "a"))


def judge(small: TensorFile, tolerance: float | None = None) -> Judge:
    return Judge(small, read(small), tolerance)


@pytest.mark.parametrize(
    ("name", "dtype", "off", "parts"),
    [
        ("value.head", "F64", 2e-9, True),
        ("value.head", "F64", 5e-10, False),
        ("value.head", "F32", 2e-5, True),
        ("value.head", "F32", 5e-6, False),
        ("value.head", "F16", 5e-3, False),
        ("value.head", "BF16", 2e-2, False),
        ("value.head", "BF16", 2e-1, True),
        ("loss", "I64", 2e-9, True),
        ("step.1.loss", "F64", 1.5e-9, True),
        ("step.2.loss", "F64", 1.5e-9, False),
        ("step.2.loss", "F64", 2.5e-9, True),
    ],
)
def test_the_tolerance_is_that_of_the_coarser_dtype_and_grows_with_the_steps(
    small: TensorFile, name: str, dtype: str, off: float, parts: bool
) -> None:
    a = load(small, name)
    b = a + off * np.abs(a).max()
    held = judge(small)
    held.hold(name, b, dtype)
    assert bool(held.parted) == parts
    loose = judge(small, tolerance=1.0)
    loose.hold(name, b, dtype)
    assert not loose.parted


def test_the_first_is_explained_and_the_last_before_it_is_known(small: TensorFile) -> None:
    held = judge(small)
    held.hold("value.embedding", load(small, "value.embedding"), "F64")
    held.hold("value.blocks.0.norm_1", load(small, "value.blocks.0.norm_1"), "F64")
    middle = load(small, "value.blocks.0.middle")
    held.hold("value.blocks.0.middle", middle - load(small, "value.embedding"), "F64")
    held.hold("value.blocks.0.norm_2", 2 * load(small, "value.blocks.0.norm_2"), "F64")
    held.hold("value.head", load(small, "value.head"), "F64")
    first, second = held.parted
    assert held.first is first
    assert (first.name, first.number, second.number) == ("value.blocks.0.middle", 3, 4)
    assert "A minus B is value.embedding: B lacks that term" in first.hints
    assert second.hints == []
    assert (held.last_agreed, held.agreed[-1]) == ("value.blocks.0.norm_1", "value.head")
    group = held.groups["intermediates"]
    assert (group.n_tensors, group.n_parted) == (5, 2)


def test_another_shape_parts(small: TensorFile) -> None:
    held = judge(small)
    held.hold("parameter.blocks.0.mlp.up.weight", np.zeros((3, 3)), "F64")
    name = "parameter.blocks.1.mlp.up.weight"
    held.hold(name, load(small, name).T, "F64")
    assert [parting.difference for parting in held.parted] == [None, None]
    assert held.groups["parameters"].error == np.inf
    held = judge(small)
    held.hold(name, load(small, name).T, "F64")
    assert held.parted[0].hints == ["B is A transposed"]


def test_each_kind_has_its_group(small: TensorFile) -> None:
    held = judge(small)
    for name in small.names:
        held.hold(name, load(small, name), small.dtype(name))
    assert tuple(held.groups) == GROUPS
    # 28 parameters, 35 values; of 2 steps a loss, norm and rate each, and the first loss.
    counts = {"inputs": 2, "parameters": 28, "intermediates": 35, "gradients": 63,
              "losses, norms, rates": 7, "parameters after steps": 56}  # fmt: skip
    assert {name: group.n_tensors for name, group in held.groups.items()} == counts
    assert not held.parted


def test_gradients_that_vanish_agree(small: TensorFile, tmp_path: Path) -> None:
    """The bias of the keys adds the same to every score of a query: its gradient is 0."""
    name = "gradient.parameter.blocks.0.attention.qkv.bias"
    a = load(small, name)
    keys = slice(12, 24)
    assert np.abs(a[keys]).max() < 1e-15 < np.abs(a).max()
    held = judge(small)
    held.gradients = 1.0
    held.file = replace_tensor(small, tmp_path, name, np.where(np.arange(36) < 36, 1e-17, 0))
    held.hold(name, np.zeros(36), "F64")
    assert not held.parted
    held.gradients = 1e-9
    held.hold(name, np.zeros(36), "F64")
    assert held.parted


def replace_tensor(small: TensorFile, folder: Path, name: str, array: np.ndarray) -> TensorFile:
    from tests.golden.configs import changed

    changes = {name.replace(".", "__"): array}
    return TensorFile(changed(folder / "changed", small.path, **changes))


def test_float32_steps_part_without_leeway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `leeway` is for: float32 moves the keys' biases by rounding alone."""
    recipe = replace(RECIPE, optimizer=replace(OPTIMIZER, eps=1e-12))
    fine = TensorFile(small_file(tmp_path / "fine", recipe=recipe))
    coarse = TensorFile(small_file(tmp_path / "coarse", recipe=recipe, dtype="float32"))
    name = "step.2.parameter.blocks.0.attention.qkv.bias"

    def parts() -> bool:
        held = judge(fine)
        for each in ("gradient.parameter.blocks.0.attention.qkv.bias", name):
            held.hold(each, load(coarse, each), "F32")
        return bool(held.parted)

    assert not parts()
    monkeypatch.setattr(Judge, "_slack", lambda *_: None)
    assert parts()
