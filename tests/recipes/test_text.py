"""The tokenizers that a recipe names: learned from training text, loaded, kept by the run."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

import minilm
from minilm.errors import MinilmError
from minilm.recipes import Recipe, override
from minilm.recipes.text import prepare
from minilm.tokenizers import BPETokenizer, load
from minilm.training.reporter import Silent

TRAINING = "one and two make three; two and two make four.\n" * 60
HELD_OUT = "zebra zebra zebra zebra zebra\n" * 20


def _recipe(tmp_path: Path, *settings: str) -> Recipe:
    path = tmp_path / "text.txt"
    path.write_text(TRAINING + HELD_OUT)
    fraction = len(HELD_OUT) / len(TRAINING + HELD_OUT)
    small = ["n_layer=1", "n_head=2", "n_embd=8", "block_size=8", "steps=4", "batch_size=2"]
    small += ["evaluate_every=2", "warmup_steps=1", "sample.max_tokens=5", "split=position"]
    return override(
        Recipe(), [*small, f"source={path}", f"validation={fraction}", "tokenizer=bpe", *settings]
    )


def test_byte_pairs_are_learned_from_the_training_side_alone(tmp_path: Path) -> None:
    text = prepare(_recipe(tmp_path, "data.vocab_size=275").data, "x")
    assert text.tokenizer.vocab_size == 275
    tokens = [text.tokenizer.token_bytes(i) for i in range(256, 274)]
    assert b" make" in tokens
    assert not any(b"z" in token for token in tokens)
    assert text.tokenizer.decode(text.train.ids).removesuffix("<|endoftext|>") == TRAINING
    sizes = text.bytes_per_id
    assert int(sizes[text.validation.ids].sum()) == len(HELD_OUT)
    assert sizes[text.tokenizer.end_of_text] == 0


def test_a_run_keeps_its_tokenizer(tmp_path: Path) -> None:
    recipe = _recipe(tmp_path, "data.vocab_size=270")
    report = minilm.pretrain(recipe, out=tmp_path / "run")
    # Both are of the tokens after the first, whose bytes no prediction has to tell.
    ids = prepare(recipe.data, "x").validation.ids
    sizes = [len(load(tmp_path / "run").token_bytes(i)) for i in ids[1:-1]]
    assert report.val_bpb == pytest.approx(
        report.val_loss * (len(ids) - 1) / np.log(2) / sum(sizes), rel=0.02
    )
    tokenizer = load(tmp_path / "run")
    assert isinstance(tokenizer, BPETokenizer)
    assert tokenizer.vocab_size == 270
    assert minilm.load(tmp_path / "run").generate("one", max_tokens=3, temperature=0)


def test_a_tokenizer_of_ones_own_and_resuming_without_it(tmp_path: Path) -> None:
    own = tmp_path / "own.json"
    BPETokenizer.train([TRAINING], 265).save(own)
    recipe = _recipe(tmp_path, f"tokenizer={own}")
    whole = minilm.pretrain(recipe, out=tmp_path / "whole")
    assert (tmp_path / "whole" / "tokenizer.json").read_bytes() == own.read_bytes()

    run = tmp_path / "run"
    minilm.pretrain(recipe, out=run)
    shutil.rmtree(run / "step-000004")
    own.unlink()
    resumed = minilm.resume(run, reporter=Silent())
    assert resumed.val_loss == whole.val_loss


def test_the_tokenizer_of_another_run_by_its_folder(tmp_path: Path) -> None:
    BPETokenizer.train([TRAINING], 265).save(tmp_path / "tokenizer.json")
    text = prepare(_recipe(tmp_path, f"tokenizer={tmp_path}").data, "x")
    assert text.tokenizer.vocab_size == 265


def test_a_run_whose_tokenizer_was_exchanged(tmp_path: Path) -> None:
    minilm.pretrain(_recipe(tmp_path, "data.vocab_size=270"), out=tmp_path / "run")
    BPETokenizer.train([TRAINING], 265).save(tmp_path / "run" / "tokenizer.json")
    with pytest.raises(MinilmError, match="has 265 tokens, the run's model 270"):
        minilm.resume(tmp_path / "run", reporter=Silent())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["tokenizer=bpee"], "data.tokenizer = 'bpee'; did you mean 'bpe'"),
        (["tokenizer=none/at/all"], "cannot read the tokenizer none/at/all: no such file"),
        (["tokenizer=none.json"], "cannot read the tokenizer none.json: no such file"),
        (["data.vocab_size=0"], "data.vocab_size = 0: must be above 0"),
        (["data.vocab_size=256"], "a vocabulary of 256: must be from 257"),
        (["vocab_size=270"], "ambiguous; write data.vocab_size or model.vocab_size"),
    ],
)
def test_what_cannot_be(tmp_path: Path, settings: list[str], message: str) -> None:
    with pytest.raises(MinilmError, match=message):
        prepare(_recipe(tmp_path, *settings).data, "x")
