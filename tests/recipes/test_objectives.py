"""From `[objective]` to the task, and whole runs of masked tokens."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import minilm
from minilm.backend import using
from minilm.errors import MinilmError
from minilm.models.costs import forward_flops_per_token
from minilm.objectives.config import MaskedTokensConfig
from minilm.objectives.masked_tokens import MaskedTokens
from minilm.objectives.next_token import NextToken
from minilm.recipes import Recipe, baselines, load, memory, objectives, override
from minilm.recipes.text import prepare
from minilm.tokenizers import BytesTokenizer

TEXT = "".join(f"{n} plus {n} is {2 * n}.\n" for n in range(400))


def _recipe(tmp_path: Path, *settings: str) -> Recipe:
    path = tmp_path / "text.txt"
    path.write_text(TEXT)
    small = ["n_layer=1", "n_head=2", "n_embd=16", "block_size=16", "steps=6", "batch_size=4"]
    small += ["evaluate_every=3", "warmup_steps=2", f"source={path}", "data.vocab_size=290"]
    return override(replace(load("bert-docs"), name="small"), [*small, *settings])


def test_the_task_is_that_of_the_recipe(tmp_path: Path) -> None:
    recipe = _recipe(tmp_path)
    text = prepare(recipe.data, "x", special_tokens=recipe.objective.special_tokens)
    assert text.tokenizer.vocab_size == 290
    assert text.tokenizer.special_tokens["[MASK]"] == 289
    assert isinstance(objectives.build(recipe, text), MaskedTokens)
    assert isinstance(objectives.build(Recipe(), text), NextToken)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["objective.name=masked_tokens"], r'sees both sides.*set model.architecture = "bert"'),
        (["model.architecture=bert"], r'needs a causal model.*"masked_tokens" or'),
        (["objective.name=none"], "describes imported weights"),
        (
            ["objective.name=masked_tokens", "model.architecture=bert", "masked_head=false"],
            "needs model.masked_head = true",
        ),
    ],
)
def test_a_task_that_the_model_cannot_learn(
    settings: list[str], message: str, tmp_path: Path
) -> None:
    with pytest.raises(MinilmError, match=message):
        minilm.pretrain(override(Recipe(), settings), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_tokenizer_without_the_mask_token(tmp_path: Path) -> None:
    BytesTokenizer().save(tmp_path / "own.json")
    with pytest.raises(MinilmError, match=r"own.json' lacks \[MASK\], which the objective needs"):
        minilm.pretrain(_recipe(tmp_path, f"tokenizer={tmp_path / 'own.json'}"))
    with_mask = BytesTokenizer(("<|endoftext|>", "[MASK]"))
    with_mask.save(tmp_path / "own.json")
    recipe = _recipe(tmp_path, f"tokenizer={tmp_path / 'own.json'}")
    assert prepare(recipe.data, "x", special_tokens=("[MASK]",)).tokenizer.vocab_size == 258


def test_costs_count_the_head_at_predicted_positions(tmp_path: Path) -> None:
    recipe = _recipe(tmp_path, "model.vocab_size=290")
    C, V = 16, 290
    whole = recipe.model.flops_per_token()
    assert whole - objectives.flops_per_token(recipe) == pytest.approx(
        3 * 2 * 0.85 * (C * C + C * V)
    )
    assert whole == 3 * forward_flops_per_token(recipe.model)
    every = override(recipe, ["objective.rate=1.0"])
    assert memory.predict(every) - memory.predict(recipe) == 4 * V * (64 - 9)


def test_a_whole_run_of_masked_tokens(tmp_path: Path) -> None:
    recipe = _recipe(tmp_path)
    report = minilm.pretrain(recipe, out=tmp_path / "run")
    assert report.val_bpb is report.baseline_bpb is None
    assert 0 <= report.val_accuracy <= 1
    assert 0.2 < report.baseline_accuracy <= 1
    assert report.baseline.startswith("bidirectional n-gram")
    assert "[MASK]" not in report.sample
    assert report.sample.startswith("The ")
    assert report.next_commands[0].startswith(f"minilm fill {tmp_path / 'run'} ")
    records = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").open()]
    evaluations = [record for record in records if record["kind"] == "evaluation"]
    assert all("val_accuracy" in record and "val_bpb" not in record for record in evaluations)
    train = next(record for record in records if record["kind"] == "train")
    assert train["gflops"] / train["tokens_per_second"] == pytest.approx(
        objectives.flops_per_token(_recipe(tmp_path, "model.vocab_size=290")) / 1e9
    )
    again = minilm.resume(tmp_path / "run")
    assert again.val_loss == report.val_loss
    assert minilm.load_masked(tmp_path / "run").complete("1 plus [MASK]")
    assert minilm.load_encoder(tmp_path / "run").embed(["1 plus 1"]).shape == (1, 16)
    with pytest.raises(MinilmError, match="minilm embed gives its vectors"):
        minilm.load(tmp_path / "run")


def test_training_learns_what_is_hidden(tmp_path: Path) -> None:
    settings = ["steps=60", "evaluate_every=60", "learning_rate=1e-2", "batch_size=8"]
    report = minilm.pretrain(_recipe(tmp_path, *settings), out=tmp_path / "run")
    assert report.val_loss < np.log(290) - 1.5


def test_a_stopped_run_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    import shutil

    recipe = _recipe(tmp_path, "dropout=0.1", "accumulation=2")
    whole = minilm.pretrain(recipe, out=tmp_path / "whole")
    minilm.pretrain(recipe, out=tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "step-000006")
    assert minilm.resume(tmp_path / "run").val_loss == whole.val_loss
    one, other = (minilm.load_masked(tmp_path / name).model for name in ("whole", "run"))
    np.testing.assert_array_equal(one.parameters.values, other.parameters.values)


def test_minutes_size_an_encoder_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from minilm.recipes import budget
    from minilm.training.reporter import Silent

    monkeypatch.setattr(budget, "warm_up", lambda recipe, text, reporter: None)
    monkeypatch.setattr(budget, "STEPS", 10**9)
    recipe = _recipe(tmp_path, "model.vocab_size=290")
    text = prepare(recipe.data, "x", special_tokens=("[MASK]",))
    with using("reference"):
        planned = budget.plan(recipe, 600.0, text, budget.time.perf_counter(), Silent())
    assert planned.model.architecture == "bert"
    assert planned.model.n_embd == budget.LADDER[0][2]


def test_the_baseline_scores_the_objectives_own_gaps(tmp_path: Path) -> None:
    recipe = _recipe(tmp_path)
    text = prepare(recipe.data, "x", special_tokens=("[MASK]",))
    few = baselines.measure(objectives.build(recipe, text), text)
    many = replace(recipe, objective=MaskedTokensConfig(rate=0.6))
    more = baselines.measure(objectives.build(many, text), text)
    # With more hidden, less is to be seen beside each.
    assert more.accuracy < few.accuracy
    assert more.loss > few.loss
    ngram = baselines.measure(objectives.build(Recipe(), text), text)
    assert ngram.accuracy is None
    assert ngram.bpb == pytest.approx(
        ngram.loss * (len(text.validation.ids) - 1) / np.log(2)
        / int(text.bytes_per_id[text.validation.ids[1:]].sum())
    )  # fmt: skip
