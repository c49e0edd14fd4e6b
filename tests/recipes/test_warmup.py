"""The warm-up learns beforehand what it will call."""

from __future__ import annotations

import subprocess
import sys

import pytest

# Prints what a run called without the warm-up having noted it, and how much it noted.
CODE = """if True:
    import gc, sys
    import numpy as np
    from minilm import recipes
    from minilm.backend import computing
    from minilm.kernels.jit import Form, noting
    from minilm.recipes import text, warmup

    recipe = recipes.override(recipes.load(sys.argv[1]), sys.argv[2:])
    made = text.prepare(
        recipe.data, recipe.name, special_tokens=recipe.objective.special_tokens
    )
    recipe = recipes.override(recipe, [f"model.vocab_size={made.tokenizer.vocab_size}"])
    before = {
        (form, types) for form in gc.get_objects() if isinstance(form, Form)
        for types in form.signatures
    }
    with np.errstate(all="ignore"), computing(recipe.training.precision):
        with noting() as calls:
            warmup._go_through(recipe, made)
        warmup._go_through(recipe, made)
    noted = {(call.form, call.types) for call in calls}
    called = {
        (form, types) for form in gc.get_objects() if isinstance(form, Form)
        for types in form.signatures
    }
    print([(form.function.__qualname__, types) for form, types in called - before - noted])
    print(len(noted))
"""
SMALL = (
    "model.n_embd=24",
    "model.n_head=2",
    "model.block_size=32",
    "training.batch_size=4",
    "data.source=python-docs",
    "data.vocab_size=300",
    "training.accumulation=1",
)


@pytest.mark.parametrize("recipe", ["docs-tour", "bert-docs", "code"])
@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_all_kernels_of_a_step_are_known_before_it_is_done(recipe, precision):
    found = subprocess.run(
        [sys.executable, "-c", CODE, recipe, *SMALL, f"training.precision={precision}"],
        capture_output=True,
        text=True,
        check=True,
    )
    missed, noted = found.stdout.splitlines()
    assert missed == "[]"
    assert int(noted) > 10
