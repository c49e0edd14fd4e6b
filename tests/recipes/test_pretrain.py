"""Whole runs, small: the report, resuming in this process and after SIGKILL, refusals."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

import minilm
from minilm.errors import MinilmError
from minilm.recipes import Recipe, override
from minilm.training import checkpoint
from minilm.training.reporter import Silent

TEXT = "".join(f"{n} plus {n} is {2 * n}.\n" for n in range(400))


def _recipe(tmp_path: Path, *settings: str) -> Recipe:
    path = tmp_path / "text.txt"
    path.write_text(TEXT)
    small = ["n_layer=1", "n_head=2", "n_embd=16", "block_size=16", "steps=30", "batch_size=4"]
    small += ["evaluate_every=10", "tokenizer=chars", "warmup_steps=5", "sample.max_tokens=20"]
    return override(Recipe(), [*small, f"source={path}", *settings])


def test_a_whole_run(tmp_path: Path) -> None:
    report = minilm.pretrain(_recipe(tmp_path), out=tmp_path / "run")
    assert report.steps == report.planned_steps == 30
    assert 0 < report.val_loss < np.log(25)
    assert report.baseline in {f"n-gram of order {n}" for n in range(1, 7)}
    assert report.baseline_bpb > 0
    assert report.baseline_accuracy is report.val_accuracy is None
    # One character is one byte in this text.
    assert report.val_bpb == pytest.approx(report.val_loss / np.log(2))
    assert report.tokens_per_second > 0
    assert report.peak_memory_bytes > 10**7
    assert len(report.corpus_sha256) == 64
    records = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").open()]
    assert [r["kind"] for r in records if r["kind"] not in ("train", "checkpoint")] == [
        "start",
        "evaluation",
        "evaluation",
        "evaluation",
        "evaluation",
        "end",
    ]
    assert records[-1]["val_loss"] == report.val_loss

    model = minilm.load(tmp_path / "run")
    assert model.step == report.best_step
    assert model.generate("1 plus", max_tokens=5, temperature=0) == model.generate(
        "1 plus", max_tokens=5, temperature=0
    )


def test_the_split_is_scored_by_the_best_checkpoint(tmp_path: Path) -> None:
    # A rate that rises into divergence: the last checkpoint is not the best.
    recipe = _recipe(tmp_path, "learning_rate=2", "schedule=constant", "warmup_steps=25")
    report = minilm.pretrain(recipe, out=tmp_path / "run")
    assert report.best_step < 30
    losses = [
        json.loads(line)["val_loss"]
        for line in (tmp_path / "run" / "metrics.jsonl").open()
        if '"scope": "estimate"' in line
    ]
    assert report.val_loss == pytest.approx(min(losses), rel=0.05)


def test_resuming_a_finished_run_reports_again(tmp_path: Path) -> None:
    first = minilm.pretrain(_recipe(tmp_path), out=tmp_path / "run")
    again = minilm.resume(tmp_path / "run")
    assert (again.val_loss, again.sample) == (first.val_loss, first.sample)


def test_a_text_that_changed_is_refused_on_resume(tmp_path: Path) -> None:
    minilm.pretrain(_recipe(tmp_path), out=tmp_path / "run")
    (tmp_path / "text.txt").write_text(TEXT + "!")
    with pytest.raises(MinilmError, match=r"not the one that data\.sha256 names"):
        minilm.resume(tmp_path / "run")


def test_a_model_that_cannot_fit_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    recipe = _recipe(tmp_path, "n_embd=200000", "n_layer=100")
    with pytest.raises(MinilmError, match=r"needs about .* GiB and .* GiB are free"):
        minilm.pretrain(recipe, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_damaged_checkpoint_gives_way_to_the_one_before(tmp_path: Path) -> None:
    whole = minilm.pretrain(_recipe(tmp_path), out=tmp_path / "run")
    expected = load_file(tmp_path / "run" / "step-000030" / "model.safetensors")
    with open(tmp_path / "run" / "step-000030" / "model.safetensors", "r+b") as file:
        file.seek(-5, os.SEEK_END)
        file.write(b"\0\1")
    again = minilm.resume(tmp_path / "run")
    assert again.val_loss == whole.val_loss
    for name, value in load_file(tmp_path / "run" / "step-000030" / "model.safetensors").items():
        np.testing.assert_array_equal(value, expected[name])


def test_the_recipe_without_a_text_asks_for_one(tmp_path: Path) -> None:
    with pytest.raises(MinilmError, match="--data FILE"):
        minilm.pretrain(minilm.recipe("shakespeare-char-cpu"), out=tmp_path / "run")


def test_a_sample_prompt_the_tokenizer_lacks_does_not_spoil_the_end(tmp_path: Path) -> None:
    recipe = _recipe(tmp_path)
    recipe = replace(recipe, sample=replace(recipe.sample, prompt="ÄÖ"))
    assert minilm.pretrain(recipe, out=tmp_path / "run").sample


KILLED = """
import sys
from pathlib import Path
import minilm
from minilm.recipes import load
run = Path(sys.argv[1])
if (run / "config.toml").exists():
    minilm.resume(run)
else:
    minilm.pretrain(load(sys.argv[2]), out=run)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_killed_at_random_moments_the_parameters_are_the_same_bits(tmp_path: Path) -> None:
    from minilm.recipes import to_toml

    n_kills = int(os.environ.get("MINILM_KILLS", "6"))
    n_steps = 100 * (n_kills + 1)
    recipe = _recipe(
        tmp_path, f"steps={n_steps}", "evaluate_every=7", "dropout=0.1", "accumulation=2"
    )
    (tmp_path / "recipe.toml").write_text(to_toml(recipe))
    minilm.pretrain(recipe, out=tmp_path / "whole")

    run = tmp_path / "killed"
    chance = random.Random(1)
    kills = 0
    finished = False
    while not finished:
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(run), str(tmp_path / "recipe.toml")]
        )
        if kills < n_kills:
            # Most of a process's life is importing: wait until it trains, then any moment.
            before = len(list(run.glob("step-*"))) and max(checkpoint.steps(run))
            while process.poll() is None and not _moved(run, before):
                time.sleep(0.002)
            time.sleep(chance.random() * 0.15)
        else:
            process.wait()
        finished = process.poll() == 0
        process.send_signal(signal.SIGKILL)
        process.wait()
        kills += not finished
    assert kills > n_kills // 2
    folder, _ = checkpoint.latest(run, Silent())
    for file in ("model.safetensors", "optimizer.safetensors"):
        expected = load_file(tmp_path / "whole" / checkpoint.name(n_steps) / file)
        for name, value in load_file(folder / file).items():
            np.testing.assert_array_equal(value, expected[name], err_msg=name)


def _moved(run: Path, before: int) -> bool:
    """Whether the process has come as far as a new checkpoint (or a first one)."""
    try:
        steps = checkpoint.steps(run)
    except OSError:
        return False
    return bool(steps) and steps[-1] > before
