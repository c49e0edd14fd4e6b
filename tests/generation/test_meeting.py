"""The end of a middle is the most probable one, found without trying all."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minilm import rng
from minilm.generation.meeting import AFTER, BEFORE, Meeting
from minilm.generation.pretrained import Pretrained
from minilm.models.config import GPTConfig
from minilm.models.gpt import GPT
from minilm.objectives.config import FillInMiddleConfig
from minilm.tokenizers import END_OF_TEXT, BytesTokenizer

TOKENIZER = BytesTokenizer((END_OF_TEXT, *FillInMiddleConfig().special_tokens))
END = TOKENIZER.special_tokens[END_OF_TEXT]


def _pretrained(block_size: int = 64, seed: int = 0) -> Pretrained:
    config = GPTConfig(
        vocab_size=TOKENIZER.vocab_size, block_size=block_size, n_layer=1, n_head=2, n_embd=8
    )
    model = GPT(config, dtype=np.float64)
    model.parameters.values += rng.generator(seed, 0, "test").normal(
        0, 0.5, model.parameters.values.shape
    )
    return Pretrained(model, TOKENIZER)


def _nats(model: Pretrained, text: str) -> float:
    """-log p of the text as a whole one, token by token."""
    ids = [END, *text.encode()]
    logits, _ = model.model.forward(np.array([ids]))
    total = 0.0
    for place, following in zip(logits[0], ids[1:], strict=False):
        total -= place[following] - np.log(np.exp(place).sum())
    return total


@settings(max_examples=40)
@given(
    st.integers(0, 5), st.text("abxyz", max_size=6), st.text("abxyz", min_size=1, max_size=6),
    st.text("abxyzé \n", max_size=14), st.integers(1, 5),
)  # fmt: skip
def test_the_end_is_the_most_probable_of_all(
    seed: int, prefix: str, suffix: str, written: str, step: int
) -> None:
    model = _pretrained(seed=seed)
    blank = len(written) - len(written.lstrip())
    whole = [
        np.inf if end <= blank else _nats(model, prefix + written[:end] + suffix)
        for end in range(len(written) + 1)
    ]
    meeting = Meeting(model, prefix, suffix)
    for first in range(0, len(written), step):
        enough = meeting.feed(written[first : first + step])
        tried = len(meeting.written)
        assert meeting.middle == written[: int(np.argmin(whole[: tried + 1]))]
        if enough:  # what follows could not have been better
            assert min(whole) == min(whole[: tried + 1])


def test_it_goes_on_until_nothing_longer_can_be_better() -> None:
    model = _pretrained()
    meeting = Meeting(model, "ab", "cd")
    least = np.inf
    for n in range(1, 40):
        enough = meeting.feed("x")
        least = min(least, _nats(model, "ab" + "x" * n + "cd"))
        assert enough == (_nats(model, "ab" + "x" * n) >= least)
        if enough:
            return
    pytest.fail("it never has enough")


def test_only_what_is_near_the_hole_counts() -> None:
    model = _pretrained(block_size=512)
    near = Meeting(model, "p" + "a" * BEFORE, "b" * AFTER)
    far = Meeting(model, "xyz" * 50 + "a" * BEFORE, "b" * AFTER + "xyz" * 50)
    for letter in "xyabyx":
        assert near.feed(letter) == far.feed(letter)
    assert near.middle == far.middle


def test_sides_find_room_in_a_short_context() -> None:
    model = _pretrained(block_size=16)
    meeting = Meeting(model, "é" * 50, "字" * 50)  # 2 and 3 tokens each
    assert not meeting.feed("")
    assert meeting.feed("x" * 16)  # more than the context holds: no more is tried
    assert meeting.middle == ""
