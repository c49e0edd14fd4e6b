"""The loss of a middle: its own tokens, each once, after both sides or after the prefix."""

import math

import numpy as np
import pytest

from minilm import rng
from minilm.models.config import GPTConfig
from minilm.models.gpt import GPT
from minilm.objectives.config import FillInMiddleConfig
from minilm.objectives.holes import Hole, middle_metrics, middle_nats
from minilm.objectives.middle import Cut, Marks
from minilm.reference import softmax
from minilm.tokenizers import END_OF_TEXT, BytesTokenizer

TOKENIZER = BytesTokenizer((END_OF_TEXT, *FillInMiddleConfig().special_tokens))
MARKS = Marks.of(TOKENIZER)
CUTS = (
    Cut("the cat", " sat", " on the mat"),
    Cut("a", "bé", ""),
    Cut("", "xyz", "w"),
    Cut("no", "", "thing"),
)
HOLES = [Hole.of(parts, TOKENIZER, 28) for parts in CUTS]


def _model() -> GPT:
    model = GPT(
        GPTConfig(vocab_size=261, block_size=32, n_layer=1, n_head=2, n_embd=8), dtype=np.float64
    )
    model.parameters.values += rng.generator(0, 0, "test").normal(
        0, 0.3, model.parameters.values.shape
    )
    return model


def _by_hand(model: GPT, context: list[int], middle: bytes) -> float:
    nats, tokens = 0.0, list(context)
    for value in middle:
        if tokens:
            logits, _ = model.forward(np.array([tokens]))
            nats -= math.log(softmax.forward(logits[0, -1:])[0][0, value])
        tokens.append(value)
    return nats


@pytest.mark.parametrize("batch_size", [1, 3, 16])
def test_middles_are_scored_token_by_token(batch_size: int) -> None:
    model = _model()
    P, S, M, _ = MARKS
    both = middle_nats(model, HOLES, MARKS, batch_size)
    prefix = middle_nats(model, HOLES, None, batch_size)
    for parts, with_both, with_prefix in zip(CUTS, both, prefix, strict=True):
        p, m, s = (part.encode() for part in parts)
        assert with_both == pytest.approx(_by_hand(model, [P, S, *s, M, *p], m), rel=1e-9)
        assert with_prefix == pytest.approx(_by_hand(model, [*p], m), rel=1e-9)


def test_metrics_leave_out_what_one_side_cannot_score() -> None:
    model = _model()
    metrics = middle_metrics(model, HOLES, TOKENIZER)
    kept = HOLES[:2]  # without the empty prefix, and the empty middle
    nats = middle_nats(model, kept, MARKS).sum()
    assert metrics["val_middle_loss"] == pytest.approx(nats / 7)
    assert metrics["val_middle_bpb"] == pytest.approx(nats / 7 / math.log(2))
    prefix = middle_nats(model, kept, None).sum()
    assert metrics["val_middle_prefix_bpb"] == pytest.approx(prefix / 7 / math.log(2))
    assert middle_metrics(model, HOLES[2:], TOKENIZER) == {}


def test_a_hole_keeps_to_its_room() -> None:
    hole = Hole.of(Cut("0123456789", "abc", "9876543210"), TOKENIZER, 8)
    assert sum(map(len, hole.parts)) == 8
    assert hole.n_bytes == 3
    assert TOKENIZER.decode(hole.parts.prefix) == "56789"
