"""A whole run that fills in middles: resumed to the same bits, its figures, its next commands."""

import json
from pathlib import Path

import numpy as np
import pytest

import minilm
from minilm.errors import MinilmError
from minilm.generation.infilling import fill
from minilm.recipes import Recipe, override
from minilm.training import checkpoint
from minilm.training.run import Run

TEXT = "".join(f"def f{n}(x):\r\n    return x + {n}  # <|fim_middle|> é\n" for n in range(200))


def _recipe(tmp_path: Path, *settings: str) -> Recipe:
    folder = tmp_path / "text"
    folder.mkdir(exist_ok=True)
    for i in range(4):
        (folder / f"{i}.py").write_text(TEXT[i * 1000 : (i + 4) * 1000], newline="")
    small = ["n_layer=1", "n_head=2", "n_embd=16", "block_size=32", "steps=8", "batch_size=4"]
    small += ["evaluate_every=4", "data.vocab_size=300", "warmup_steps=2", "sample.max_tokens=5"]
    return override(minilm.recipe("code"), [*small, f"source={folder}", *settings])


def test_the_recipe_has_the_published_rates() -> None:
    recipe = minilm.recipe("code")
    assert recipe.objective.name == "fill_in_middle"
    assert (recipe.objective.rate, recipe.objective.suffix_first) == (0.5, 0.5)
    assert recipe.data.source == "python-code"


@pytest.mark.parametrize("tokenizer", ["bpe", "bytes"])
def test_a_whole_run(tmp_path: Path, tokenizer: str) -> None:
    report = minilm.pretrain(_recipe(tmp_path, f"tokenizer={tokenizer}"), out=tmp_path / "run")
    assert report.val_bpb > 0
    assert report.baseline_bpb > 0
    assert any("--prefix" in command for command in report.next_commands)
    records = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").open()]
    evaluations = [record for record in records if record["kind"] == "evaluation"]
    assert len(evaluations) >= 3
    for record in evaluations:
        assert record["val_middle_bpb"] > 0
        assert record["val_middle_loss"] > 0
        assert record["val_middle_prefix_bpb"] > 0
    model = minilm.load(tmp_path / "run")
    "".join(fill(model, "def ", "(x)", max_tokens=5))


def test_a_resumed_run_is_the_same_to_the_bit(tmp_path: Path) -> None:
    recipe = _recipe(tmp_path)
    minilm.pretrain(recipe, out=tmp_path / "straight")
    straight = sorted((tmp_path / "straight").glob("step-*"))[-1]
    # What a run killed after its first checkpoint leaves behind.
    minilm.pretrain(recipe, out=tmp_path / "stopped")
    checkpoint.discard_after(tmp_path / "stopped", 4)
    minilm.resume(tmp_path / "stopped")
    resumed = tmp_path / "stopped" / straight.name
    for name in ("model.safetensors", "optimizer.safetensors"):
        assert (straight / name).read_bytes() == (resumed / name).read_bytes()
    a, b = (_losses(tmp_path / name) for name in ("straight", "stopped"))
    assert a == b
    assert len(a) == 8


def _losses(path: Path) -> list[float]:
    with Run.open(path) as run:
        return [record["loss"] for record in run.records() if record["kind"] == "train"]


def test_special_tokens_in_the_text_are_plain_text(tmp_path: Path) -> None:
    minilm.pretrain(_recipe(tmp_path), out=tmp_path / "run")
    tokenizer = minilm.load(tmp_path / "run").tokenizer
    ids = tokenizer.encode(TEXT)
    assert not np.isin(ids, list(tokenizer.special_tokens.values())).any()
    assert tokenizer.decode_bytes(ids) == TEXT.encode()


def test_a_single_text_of_characters_has_no_end_to_stop_at(tmp_path: Path) -> None:
    (tmp_path / "one.txt").write_text("the cat sat on the mat\n" * 100)
    recipe = _recipe(tmp_path, f"source={tmp_path / 'one.txt'}", "tokenizer=chars")
    with pytest.raises(MinilmError, match=r"no <\|endoftext\|>"):
        minilm.pretrain(recipe, out=tmp_path / "run")


def test_a_model_that_sees_both_sides_cannot_learn_it(tmp_path: Path) -> None:
    recipe = _recipe(tmp_path)
    bert = override(minilm.recipe("bert-docs"), ["objective.name=fill_in_middle"])
    with pytest.raises(MinilmError, match="causal"):
        minilm.pretrain(bert, out=tmp_path / "run")
    assert recipe.model.causal
