"""Runs in mixed precision: they learn, resume to the same bits, and say what they are."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

import minilm
from minilm import backend
from minilm.recipes import Recipe, override, pretrain
from minilm.recipes.loading import read_config
from minilm.training.reporter import Silent


def _recipe(tmp_path: Path, *settings: str) -> Recipe:
    path = tmp_path / "text.txt"
    path.write_text("".join(f"{n} plus {n} is {2 * n}.\n" for n in range(400)))
    small = ["n_layer=1", "n_head=2", "n_embd=16", "block_size=40", "steps=20", "batch_size=4"]
    small += ["evaluate_every=10", "tokenizer=chars", "warmup_steps=5", "sample.max_tokens=5"]
    return override(Recipe(), [*small, f"source={path}", *settings])


def test_it_learns_what_float32_learns(tmp_path: Path) -> None:
    plain = minilm.pretrain(_recipe(tmp_path), out=tmp_path / "plain")
    recipe = _recipe(tmp_path, "training.precision=bf16")
    mixed = minilm.pretrain(recipe, out=tmp_path / "mixed")
    assert 0 < abs(mixed.val_loss - plain.val_loss) < 0.01
    assert read_config(tmp_path / "mixed").training.precision == "bf16"
    for name, value in load_file(tmp_path / "mixed" / "step-000020" / "model.safetensors").items():
        assert value.dtype == np.float32, name


def test_resuming_gives_the_same_bits(tmp_path: Path) -> None:
    recipe = _recipe(tmp_path, "training.precision=bf16")
    whole = minilm.pretrain(recipe, out=tmp_path / "whole")
    minilm.pretrain(recipe, out=tmp_path / "cut")
    for step in ("step-000020",):
        for file in (tmp_path / "cut" / step).iterdir():
            file.unlink()
        (tmp_path / "cut" / step).rmdir()
    assert minilm.resume(tmp_path / "cut").val_loss == whole.val_loss


class Watching(Silent):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.phases: list[str] = []

    def record(self, record: dict[str, Any]) -> None:
        if record["kind"] == "phase":
            self.phases.append(record["name"])

    def note(self, text: str) -> None:
        self.notes.append(text)


@pytest.mark.parametrize("faster", [True, False])
def test_a_processor_on_which_it_is_no_faster_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, faster: bool
) -> None:
    monkeypatch.setattr(pretrain, "has_bf16", lambda: faster)
    for precision in ("bf16", "float32"):
        watching = Watching()
        recipe = _recipe(tmp_path, f"training.precision={precision}")
        minilm.pretrain(recipe, out=tmp_path / precision, reporter=watching)
        assert len(watching.notes) == (precision == "bf16" and not faster)


def test_compiling_is_a_phase_only_if_there_is_something_to_compile(tmp_path: Path) -> None:
    minilm.pretrain(_recipe(tmp_path), out=tmp_path / "first")
    watching = Watching()
    minilm.pretrain(_recipe(tmp_path), out=tmp_path / "second", reporter=watching)
    assert "training" in watching.phases
    assert "compiling kernels" not in watching.phases


def test_the_precision_ends_with_the_run(tmp_path: Path) -> None:
    minilm.pretrain(_recipe(tmp_path, "training.precision=bf16"), out=tmp_path / "run")
    assert backend.ops.linear.__name__ == "minilm.kernels.linear"
