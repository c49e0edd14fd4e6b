"""Depths and rates, for every parameter of both wirings."""

import pytest

from minilm.errors import MinilmError
from minilm.models.bert_config import BERTConfig
from minilm.models.classifier import Classifier, ClassifierConfig, headless
from minilm.models.config import GPTConfig
from minilm.models.depth import depth, rates

BODIES = [
    GPTConfig(vocab_size=5, n_layer=3, n_head=1, n_embd=8),
    BERTConfig(vocab_size=5, n_layer=3, n_head=1, n_embd=8),
]


def _names(body) -> list[str]:
    return [p.name for p in Classifier.declare(ClassifierConfig(headless(body), 2))]


@pytest.mark.parametrize("body", BODIES, ids=["gpt", "bert"])
def test_layer_wise_decay_gives_the_stated_rates(body) -> None:
    found = rates(_names(body), 3, decay=0.5, n_frozen=1)
    for name, rate in found.items():
        if "embedding" in name:
            assert rate == 0.0, name
        elif name.startswith("blocks."):
            assert rate == 0.5 ** (3 - int(name.split(".")[1])), name
        else:
            assert rate == 1.0, name
            assert name.startswith(("classifier.", "final_norm."))
    assert set(found.values()) == {0.0, 0.125, 0.25, 0.5, 1.0}


def test_all_but_the_head_may_be_frozen() -> None:
    for body in BODIES:
        found = rates(_names(body), 3, n_frozen=4)
        learning = {name for name, rate in found.items() if rate}
        assert {"classifier.weight", "classifier.bias"} <= learning
        assert all(name.startswith(("classifier.", "final_norm.")) for name in learning)
    with pytest.raises(MinilmError, match=r"objective\.frozen = 5: this model has 3 layers"):
        rates(["x"], 3, n_frozen=5)


def test_depths_count_past_nine() -> None:
    assert depth("blocks.11.attention.qkv.weight", 12) == 12
