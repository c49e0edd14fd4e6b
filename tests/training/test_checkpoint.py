"""Checkpoints: whole or absent, damage refused, the one before taken."""

import errno
import json
import os
from pathlib import Path

import numpy as np
import pytest

from minilm.errors import MinilmError
from minilm.nn.parameters import Normal, Parameters, Scope
from minilm.optim.adamw import AdamW
from minilm.optim.config import OptimizerConfig
from minilm.training import checkpoint


class Notes:
    """A reporter that keeps its notes."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def record(self, record: dict) -> None:
        """Not looked at."""

    def note(self, text: str) -> None:
        self.notes.append(text)


def _trained(seed: int = 0, n_updates: int = 2) -> tuple[Parameters, AdamW]:
    scope = Scope()
    scope.parameter("a.weight", (3, 5), Normal(1.0), decay=True)
    scope.parameter("b.bias", (7,), Normal(1.0))
    parameters = Parameters(scope.declared, seed=seed)
    optimizer = AdamW(parameters, OptimizerConfig(), n_steps=9)
    for p in parameters:
        p.grad[...] = np.random.default_rng(seed).normal(size=p.shape)
    for _ in range(n_updates):
        optimizer.update()
    return parameters, optimizer


def _save(run: Path, step: int, seed: int = 0) -> Path:
    progress = {"step": step, "best_loss": float("inf")}
    return checkpoint.save(run, step, *_trained(seed), progress)


def test_what_was_saved_comes_back_bit_for_bit(tmp_path: Path) -> None:
    parameters, optimizer = _trained(seed=1, n_updates=3)
    folder = checkpoint.save(tmp_path, 12, parameters, optimizer, {"step": 12, "best_loss": np.inf})
    assert folder == tmp_path / "step-000012"
    others, other = _trained(seed=2)
    fields = checkpoint.restore(folder, checkpoint.verify(folder), others, other)
    assert fields == {"step": 12, "best_loss": np.inf}
    assert other.n_updates == 3
    for one, two in (
        (parameters.values, others.values),
        (optimizer.m, other.m),
        (optimizer.v, other.v),
    ):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("file", ["model.safetensors", "optimizer.safetensors", "state.json"])
@pytest.mark.parametrize("damage", ["flip", "truncate", "empty", "remove"])
def test_damage_is_refused_and_the_one_before_taken(tmp_path: Path, file: str, damage: str) -> None:
    _save(tmp_path, 100)
    path = _save(tmp_path, 200) / file
    data = bytearray(path.read_bytes())
    if damage == "flip":
        data[len(data) // 2] ^= 4
        path.write_bytes(data)
    elif damage == "truncate":
        path.write_bytes(data[:-3])
    elif damage == "empty":
        path.write_bytes(b"")
    else:
        path.unlink()
    reporter = Notes()
    folder, state = checkpoint.latest(tmp_path, reporter)
    assert folder.name == "step-000100"
    assert state["progress"]["step"] == 100
    (note,) = reporter.notes
    assert "step-000200" in note
    assert file in note
    assert "taking the checkpoint before it" in note


def test_every_flipped_bit_of_the_state_is_refused(tmp_path: Path) -> None:
    path = _save(tmp_path, 100) / "state.json"
    whole = path.read_bytes()
    meaning = json.loads(whole)
    for position in range(len(whole)):
        data = bytearray(whole)
        data[position] ^= 1
        path.write_bytes(data)
        try:
            assert checkpoint.verify(path.parent) == meaning
        except MinilmError as error:
            assert "state.json" in str(error)  # noqa: PT017


def test_no_whole_checkpoint_is_an_error(tmp_path: Path) -> None:
    (_save(tmp_path, 100) / "state.json").write_text("[]")
    with pytest.raises(MinilmError, match="no whole checkpoint"):
        checkpoint.latest(tmp_path, Notes())


@pytest.mark.parametrize("call", range(7))
def test_a_full_disk_keeps_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: int
) -> None:
    _save(tmp_path, 100)
    calls = 0
    true_flush = checkpoint._flush

    def full(path: Path) -> None:
        nonlocal calls
        calls += 1
        if calls > call:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        true_flush(path)

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "_flush", full)
        if call < 5:
            with pytest.raises(MinilmError, match=r"No space left.*last whole one is step-000"):
                _save(tmp_path, 200)
        else:
            _save(tmp_path, 200)
    folder, _ = checkpoint.latest(tmp_path, Notes())
    # The rename is what counts: only a failure to flush it leaves the new one in place.
    assert folder.name == ("step-000100" if call < 4 else "step-000200")
    assert not list(tmp_path.glob(".step-*"))


def test_pruning_keeps_the_latest_and_the_best(tmp_path: Path) -> None:
    for step in (10, 20, 30, 40, 50):
        _save(tmp_path, step)
    (tmp_path / ".step-000060.tmp").mkdir()
    checkpoint.prune(tmp_path, keep=2, best_step=20)
    assert checkpoint.steps(tmp_path) == [20, 40, 50]
    assert not list(tmp_path.glob(".*"))


def test_a_model_of_another_shape_is_refused(tmp_path: Path) -> None:
    folder = _save(tmp_path, 5)
    scope = Scope()
    scope.parameter("a.weight", (3, 6), Normal(1.0), decay=True)
    scope.parameter("b.bias", (7,), Normal(1.0))
    with pytest.raises(MinilmError, match=r"a.weight has the shape \(3, 5\), .* \(3, 6\)"):
        checkpoint.load_parameters(folder, Parameters(scope.declared))
    scope = Scope()
    scope.parameter("a.weight", (3, 5), Normal(1.0), decay=True)
    with pytest.raises(MinilmError, match=r"b\.bias is in one"):
        checkpoint.load_parameters(folder, Parameters(scope.declared))
