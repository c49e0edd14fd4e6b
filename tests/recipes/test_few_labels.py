"""The few-label benchmark: its recipe, its table by hand, one draw at a reduced size."""

import importlib.util
from pathlib import Path

import pytest

import minilm
from minilm.backend import using
from minilm.recipes import override

ROOT = Path(__file__).parents[2]
_SPEC = importlib.util.spec_from_file_location(
    "minilm_few_labels", ROOT / "benchmarks" / "few_labels.py"
)
few_labels = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(few_labels)


def test_the_table_by_hand() -> None:
    rows = [
        {"per_label": 10, "pretrained": 0.5, "random": 0.2, "tfidf": 0.3},
        {"per_label": 10, "pretrained": 0.7, "random": 0.3, "tfidf": 0.3},
    ]
    line = few_labels.table(rows).splitlines()[2]
    # Differences from random 0.3 and 0.4, from TF-IDF 0.2 and 0.4: means over their errors.
    assert line == (
        "| 10 | 60.0 ± 10.0 % | 25.0 ± 5.0 % | 30.0 ± 0.0 % | +35.0 (7.0 SE) | +30.0 (3.0 SE) |"
    )


def test_one_draw(tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    text = tmp_path / "text.txt"
    text.write_text("Return the number of items in the list, or none of them.\n" * 40)
    recipe = minilm.recipe(str(few_labels.RECIPE))
    sizes = ["n_layer=1", "n_head=2", "n_embd=16", "block_size=32", "batch_size=2", "steps=2"]
    recipe = override(recipe, [*sizes, "evaluate_every=1", "data.vocab_size=260", f"source={text}"])
    settings = (*few_labels.SETTINGS, "training.steps=10")
    with using("reference"):
        minilm.pretrain(recipe, out=tmp_path / "run")
        row = few_labels.one(str(tmp_path / "run"), few_labels.NAME, 5, 0, settings)
    assert row["n_test"] > 200
    for side in few_labels.SIDES:
        assert 0 < row[side] < 0.6
