"""What a run is said to need is what it takes."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from minilm import machine
from minilm.errors import MinilmError
from minilm.models import costs
from minilm.recipes import Recipe, load, memory, override

# Large enough that arrays are most of the process, small enough for seconds.
SIZES = [
    *("n_layer=4", "n_head=4", "n_embd=192", "block_size=128", "batch_size=32"),
    *("steps=2", "evaluate_every=2", "estimate_windows=64", "sample.max_tokens=2"),
]
TASKS = {
    "next token": ["docs-tour"],
    "masked tokens": ["bert-docs", "tokenizer=bytes"],
    "fill in middle": ["code", "tokenizer=bytes"],
    "masked tokens, bf16": ["bert-docs", "tokenizer=bytes", "training.precision=bf16"],
}


@pytest.mark.parametrize("task", TASKS)
def test_prediction_and_measurement_agree(task: str, tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("\n\n".join(f"Line {i} of {i * i % 97}." for i in range(8000)))
    recipe, *settings = TASKS[task]
    command = [sys.executable, "-m", "minilm.cli", "pretrain", recipe, "--data", str(text)]
    for setting in ("split=position", *SIZES, *settings):
        command += ["--set", setting]
    done = subprocess.run(
        [*command, "--json", "--out", str(tmp_path / "run")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    share = report["predicted_memory_bytes"] / report["peak_memory_bytes"]
    assert 0.88 < share < 1.12, share


def _with_vocabulary(name: str, *settings: str) -> Recipe:
    recipe = override(load(name), list(settings))
    return replace(recipe, model=recipe.model.changed(vocab_size=4096))


def test_counting_comes_beside_the_parameters_and_not_beside_a_step() -> None:
    recipe = _with_vocabulary("bert-docs")
    step = costs.training_bytes(recipe.model, 16)
    n = 1_000_000
    many = memory.predict(recipe, n) - memory.predict(recipe, 0)
    counting = n * memory.GAP_BYTES_PER_TOKEN + memory.GAP_SCORING_BYTES
    assert many < n * memory.TEXT_BYTES_PER_TOKEN + counting < many + step
    large = replace(recipe, training=replace(recipe.training, batch_size=256))
    few = memory.predict(large, 1000) - memory.predict(large, 0)
    assert few == 1000 * memory.TEXT_BYTES_PER_TOKEN  # the step is larger, and stands for both


def test_no_more_is_counted_than_n_grams_take() -> None:
    for name, most in (("bert-docs", 2_500_000), ("docs-tour", 10_000_000)):
        recipe = _with_vocabulary(name)
        more = memory.predict(recipe, 2 * most) - memory.predict(recipe, most)
        assert more == most * memory.TEXT_BYTES_PER_TOKEN


def test_what_the_process_held_before_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = replace(Recipe(), model=Recipe().model.changed(vocab_size=257))
    monkeypatch.setattr(machine, "resident_bytes", lambda: 2**34)
    base = memory.occupied(recipe, 0)
    assert 0.9 * 2**34 < base < 2**34
    assert memory.predict(recipe, base=base) - memory.predict(recipe) == (
        base - memory.INTERPRETER_BYTES
    )
    monkeypatch.setattr(machine, "resident_bytes", lambda: 2**20)
    assert memory.occupied(recipe, 0) == memory.INTERPRETER_BYTES


def test_a_model_that_cannot_fit_is_refused_with_the_figures(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(machine, "available_bytes", lambda: 2**20)
    recipe = _with_vocabulary("bert-docs")
    with pytest.raises(MinilmError, match=r"needs about 64\.0 GiB and .* are free"):
        memory.refuse_what_cannot_fit(recipe, 2**36)
