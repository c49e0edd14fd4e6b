"""Every pair that a text makes of itself, and how likely a model finds it."""

import math

import numpy as np
import pytest

from minilm import rng
from minilm.errors import MinilmError
from minilm.models.bert import BERT
from minilm.models.bert_config import BERTConfig
from minilm.models.config import GPTConfig
from minilm.models.gpt import GPT
from minilm.objectives.batch import IGNORED
from minilm.objectives.config import FillInMiddleConfig, MaskedTokensConfig
from minilm.objectives.middle import Marks, restore
from minilm.objectives.pairs import count, label, losses
from minilm.reference import softmax
from minilm.tokenizers import END_OF_TEXT, BytesTokenizer, CharTokenizer

SPECIAL = (END_OF_TEXT, *MaskedTokensConfig().special_tokens, *FillInMiddleConfig().special_tokens)
TOKENIZER = BytesTokenizer(SPECIAL)
TEXT = "the cat sat on the mat"


def test_next_tokens_are_all_but_the_first() -> None:
    labelled = label("next_token", TEXT, TOKENIZER)
    pairs = list(labelled.pairs())
    assert labelled.n_pairs == len(pairs) == len(TEXT) - 1
    for i, pair in enumerate(pairs):
        assert bytes(pair.before.tolist()).decode() == TEXT[: i + 1]
        assert chr(pair.label) == TEXT[i + 1]
        assert pair.input is None
        assert len(pair.after) == 0


def test_masked_tokens_see_both_sides() -> None:
    labelled = label("masked_tokens", TEXT * 5, TOKENIZER, seed=3)
    pairs = list(labelled.pairs())
    assert labelled.n_pairs == len(pairs)
    assert abs(len(pairs) - 0.15 * 110) <= 1
    for pair in pairs:
        assert chr(pair.label) == (TEXT * 5)[pair.position]
        assert len(pair.before) == pair.position
        assert len(pair.before) + 1 + len(pair.after) == 110
    mask = TOKENIZER.special_tokens["[MASK]"]
    assert sum(pair.input == mask for pair in pairs) > len(pairs) / 2
    assert label("masked_tokens", TEXT, TOKENIZER).n_pairs >= 1


@pytest.mark.parametrize("seed", range(6))
def test_fill_in_middle_predicts_the_rearranged_text(seed: int) -> None:
    labelled = label("fill_in_middle", TEXT, TOKENIZER, seed)
    assert labelled.n_pairs == len(TEXT) + 3
    ids = np.append(labelled.inputs, labelled.targets[-1])
    assert restore(ids, TOKENIZER).decode() == TEXT
    assert ids[0] == Marks.of(TOKENIZER).prefix
    assert (labelled.targets != IGNORED).all()


def test_both_orders_are_drawn() -> None:
    second = {int(label("fill_in_middle", TEXT, TOKENIZER, s).inputs[1]) for s in range(40)}
    assert Marks.of(TOKENIZER).suffix in second
    assert len(second) > 1


@pytest.mark.parametrize("name", ["next_token", "fill_in_middle"])
def test_losses_are_those_of_the_model(name: str) -> None:
    model = GPT(
        GPTConfig(vocab_size=262, block_size=32, n_layer=1, n_head=2, n_embd=8), dtype=np.float64
    )
    model.parameters.values += rng.generator(0, 0, "test").normal(
        0, 0.3, model.parameters.values.shape
    )
    labelled = label(name, TEXT, TOKENIZER)
    found = losses(model, labelled)
    for pair, nats in zip(labelled.pairs(), found, strict=True):
        logits, _ = model.forward(pair.before[None])
        p = softmax.forward(logits[0, -1:])[0][0, pair.label]
        assert nats == pytest.approx(-math.log(p), rel=1e-9)


def test_losses_of_masked_tokens() -> None:
    config = BERTConfig(
        vocab_size=262, block_size=32, n_layer=1, n_head=2, n_embd=8, masked_head=True
    )
    model = BERT(config, dtype=np.float64)
    model.parameters.values += rng.generator(0, 0, "test").normal(
        0, 0.3, model.parameters.values.shape
    )
    labelled = label("masked_tokens", TEXT, TOKENIZER)
    logits, _ = model.forward(labelled.inputs[None])
    p = softmax.forward(logits[0])[0]
    expected = [-math.log(p[pair.position, pair.label]) for pair in labelled.pairs()]
    np.testing.assert_allclose(losses(model, labelled), expected, rtol=1e-9)


def test_a_corpus_is_counted() -> None:
    texts = [TEXT] * 300
    found = count(texts, TOKENIZER, ["next_token", "masked_tokens", "fill_in_middle"])
    assert (found.documents, found.tokens) == (300, 300 * 23)
    assert found.pairs["next_token"] == 300 * 23 - 1
    assert found.pairs["masked_tokens"] == round(0.15 * 300 * 22)
    cut = (found.pairs["fill_in_middle"] - found.pairs["next_token"]) / 3
    assert cut == int(cut)
    assert abs(cut - 150) < 45
    assert count([], TOKENIZER, ["next_token"]).pairs == {"next_token": 0}


def test_mistakes_are_told() -> None:
    with pytest.raises(MinilmError, match="fewer than two tokens"):
        label("next_token", "a", TOKENIZER)
    with pytest.raises(MinilmError, match="fewer than two tokens"):
        label("fill_in_middle", "", TOKENIZER)
    with pytest.raises(MinilmError, match="fewer than two tokens"):
        label("masked_tokens", "", TOKENIZER)
    with pytest.raises(MinilmError, match=r"no \[MASK\]"):
        label("masked_tokens", TEXT, BytesTokenizer())
    with pytest.raises(MinilmError, match=r"no <\|fim_prefix"):
        label("fill_in_middle", TEXT, CharTokenizer.train([TEXT]))
    model = GPT(GPTConfig(vocab_size=262, block_size=8, n_layer=1, n_head=2, n_embd=8))
    with pytest.raises(MinilmError, match=r"makes 21 tokens of the text, and .* context has 8"):
        losses(model, label("next_token", TEXT, TOKENIZER))
