"""Runs in mixed precision: they learn, resume to the same bits, and say what they are."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

import minilm
from minilm import backend
from minilm.errors import MinilmError
from minilm.recipes import Recipe, override
from minilm.recipes.loading import read_config

PRECISIONS = ("bf16", "bf16-emulated") if backend.has_bf16() else ("bf16-emulated",)


def _recipe(tmp_path: Path, *settings: str) -> Recipe:
    path = tmp_path / "text.txt"
    path.write_text("".join(f"{n} plus {n} is {2 * n}.\n" for n in range(400)))
    small = ["n_layer=1", "n_head=2", "n_embd=16", "block_size=40", "steps=20", "batch_size=4"]
    small += ["evaluate_every=10", "tokenizer=chars", "warmup_steps=5", "sample.max_tokens=5"]
    return override(Recipe(), [*small, f"source={path}", *settings])


@pytest.mark.parametrize("precision", PRECISIONS)
def test_it_learns_what_float32_learns(tmp_path: Path, precision: str) -> None:
    plain = minilm.pretrain(_recipe(tmp_path), out=tmp_path / "plain")
    recipe = _recipe(tmp_path, f"training.precision={precision}")
    mixed = minilm.pretrain(recipe, out=tmp_path / "mixed")
    assert 0 < abs(mixed.val_loss - plain.val_loss) < 0.01
    assert read_config(tmp_path / "mixed").training.precision == precision
    for name, value in load_file(tmp_path / "mixed" / "step-000020" / "model.safetensors").items():
        assert value.dtype == np.float32, name


@pytest.mark.parametrize("precision", PRECISIONS)
def test_resuming_gives_the_same_bits(tmp_path: Path, precision: str) -> None:
    recipe = _recipe(tmp_path, f"training.precision={precision}")
    whole = minilm.pretrain(recipe, out=tmp_path / "whole")
    minilm.pretrain(recipe, out=tmp_path / "cut")
    for step in ("step-000020",):
        for file in (tmp_path / "cut" / step).iterdir():
            file.unlink()
        (tmp_path / "cut" / step).rmdir()
    assert minilm.resume(tmp_path / "cut").val_loss == whole.val_loss


def test_the_precision_ends_with_the_run(tmp_path: Path) -> None:
    minilm.pretrain(_recipe(tmp_path, "training.precision=bf16-emulated"), out=tmp_path / "run")
    assert backend.ops.linear.__name__ == "minilm.kernels.linear"


def test_a_processor_without_bfloat16_is_told_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backend, "has_bf16", lambda: False)
    recipe = _recipe(tmp_path, "training.precision=bf16")
    with pytest.raises(MinilmError, match="bf16-emulated"):
        minilm.pretrain(recipe, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
