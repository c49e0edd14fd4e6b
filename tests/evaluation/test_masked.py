"""Filling gaps."""

import numpy as np
import pytest

from minilm.errors import MinilmError
from minilm.evaluation.masked import Masked
from minilm.models.bert import BERT
from minilm.models.bert_config import BERTConfig
from minilm.models.config import GPTConfig
from minilm.models.gpt import GPT
from minilm.tokenizers import BPETokenizer, BytesTokenizer

CONFIG = BERTConfig(vocab_size=258, block_size=12, n_layer=1, n_head=2, n_embd=8)
TOKENIZER = BytesTokenizer(("<|endoftext|>", "[MASK]"))


@pytest.fixture
def masked() -> Masked:
    model = BERT(CONFIG, dtype="float64", seed=1)
    model.parameters.values += np.random.default_rng(2).normal(0, 0.3, CONFIG_SIZE)
    return Masked(model, TOKENIZER)


CONFIG_SIZE = BERT(CONFIG, seed=None).parameters.values.shape


def test_guesses_are_the_softmax_at_the_masks_without_special_tokens(masked: Masked) -> None:
    gaps = masked.fill("a[MASK]cd[MASK]", top=400)
    ids = np.array([[97, 257, 99, 100, 257]])
    logits, _ = masked.model.forward(ids)
    assert [gap.position for gap in gaps] == [1, 4]
    for gap in gaps:
        row = logits[0, gap.position, :256]
        p = np.exp(row - row.max())
        p /= p.sum()
        ours = [guess.probability for guess in gap.guesses[:256]]
        assert ours == sorted(ours, reverse=True)
        assert ours == pytest.approx(sorted(p, reverse=True))
        assert gap.guesses[0].id == int(p.argmax())
        assert sum(guess.probability for guess in gap.guesses) == pytest.approx(1)
        assert {guess.id for guess in gap.guesses[:256]} == set(range(256))


def test_the_best_are_put_in(masked: Masked) -> None:
    first, second = (gap.guesses[0].token for gap in masked.fill("a[MASK]cd[MASK]!"))
    assert masked.complete("a[MASK]cd[MASK]!") == f"a{first}cd{second}!"


def test_a_space_before_the_mask_is_in_the_gap_where_tokens_begin_with_it() -> None:
    words = "one two three four five six " * 20
    tokenizer = BPETokenizer.train([words], 280, special_tokens=("[MASK]",))
    model = BERT(CONFIG.changed(vocab_size=tokenizer.vocab_size), seed=1)
    masked = Masked(model, tokenizer)
    ids = tokenizer.encode("two three four").tolist()
    (gap,) = masked.fill("two [MASK] four", top=1)
    assert gap.position == len(tokenizer.encode("two"))
    assert len(ids) > gap.position + 1
    assert masked.complete("two [MASK] four") == f"two{gap.guesses[0].token} four"
    word = tokenizer.encode(" three").tolist()
    assert len(word) == 1
    model.parameters["head.decoder.bias"].value[word] = 1e3
    assert masked.complete("two [MASK] four") == "two three four"
    assert masked.complete("[MASK] four [MASK]") == "three four three"
    assert masked.complete(" [MASK] four") == " three four"
    (after_two,) = masked.fill("two  [MASK]", top=1)
    assert after_two.position == len(tokenizer.encode("two "))


@pytest.mark.parametrize(
    ("text", "top", "message"),
    [
        ("no gap", 5, r"there is no \[MASK\] in the text"),
        ("[mask]", 5, r"there is no \[MASK\] in the text"),
        ("x" * 12 + "[MASK]", 5, "has 13 tokens and the model's context is 12"),
        ("[MASK]", 0, "top is 0"),
    ],
)
def test_what_cannot_be_filled(masked: Masked, text: str, top: int, message: str) -> None:
    with pytest.raises(MinilmError, match=message):
        masked.fill(text, top=top)


def test_models_and_tokenizers_that_fill_no_gaps() -> None:
    causal = GPT(GPTConfig(vocab_size=258, n_layer=1, n_embd=8))
    with pytest.raises(MinilmError, match=r"RUN holds a causal model.*bert-docs"):
        Masked(causal, TOKENIZER, where="RUN")
    with pytest.raises(MinilmError, match="has no head"):
        Masked(BERT(CONFIG.changed(masked_head=False)), TOKENIZER)
    with pytest.raises(MinilmError, match=r"the tokenizer of RUN has no mask token"):
        Masked(BERT(CONFIG), BytesTokenizer(), where="RUN")
