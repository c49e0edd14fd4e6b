"""Filling a hole: the prompt, where it stops, and what is left of sides that are too long."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minilm import rng
from minilm.errors import MinilmError
from minilm.generation.generate import generate
from minilm.generation.infilling import fill, fitted_sides
from minilm.generation.meeting import Meeting
from minilm.generation.pretrained import Pretrained
from minilm.models.config import GPTConfig
from minilm.models.gpt import GPT
from minilm.objectives.config import FillInMiddleConfig
from minilm.objectives.middle import Marks, Parts
from minilm.tokenizers import END_OF_TEXT, BytesTokenizer

TOKENIZER = BytesTokenizer((END_OF_TEXT, *FillInMiddleConfig().special_tokens))
MARKS = Marks.of(TOKENIZER)


def _pretrained(block_size: int = 32) -> Pretrained:
    config = GPTConfig(
        vocab_size=TOKENIZER.vocab_size, block_size=block_size, n_layer=1, n_head=2, n_embd=8
    )
    model = GPT(config, dtype=np.float64)
    model.parameters.values += rng.generator(0, 0, "test").normal(
        0, 0.5, model.parameters.values.shape
    )
    return Pretrained(model, TOKENIZER)


def _always(model: Pretrained, monkeypatch: pytest.MonkeyPatch, *tokens: int) -> list[list[int]]:
    """Make the model say these tokens, then the last one for ever; returns what it is asked."""
    asked: list[list[int]] = []

    def told(gpt, prompt, *, max_tokens, **options):
        asked.append(np.asarray(prompt).tolist())
        for i in range(max_tokens):
            yield tokens[min(i, len(tokens) - 1)]

    monkeypatch.setattr("minilm.generation.infilling.generate", told)
    return asked


def test_the_prompt_is_the_published_form_with_the_suffix_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = _pretrained()
    asked = _always(model, monkeypatch, MARKS.end)
    assert "".join(fill(model, "ab", "cd")) == ""
    assert asked == [[MARKS.prefix, MARKS.suffix, *b"cd", MARKS.middle, *b"ab"]]
    assert model.notes == []


def test_it_ends_where_the_model_ends_the_text(monkeypatch: pytest.MonkeyPatch) -> None:
    model = _pretrained()
    _always(model, monkeypatch, *"né".encode(), MARKS.end, ord("x"))
    assert list(fill(model, "ab", "cdcdcdcd", max_tokens=9)) == ["né"]
    assert list(fill(model, "ab", "", max_tokens=9)) == ["n", "é"]
    assert model.notes == []


def test_a_middle_that_does_not_end_is_cut_where_it_meets_the_suffix(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = _pretrained()
    _always(model, monkeypatch, *b"xyz", ord("x"))
    met = Meeting(model, "ab", "cd")
    enough = [met.feed(letter) for letter in "xyzxxxxxxxxxxxxxxxxx"]
    assert enough[-1]
    assert "".join(fill(model, "ab", "cd", max_tokens=20)) == met.middle
    assert model.notes == []


def test_a_search_that_was_cut_short_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    model = _pretrained()
    _always(model, monkeypatch, ord("x"))
    monkeypatch.setattr(Meeting, "feed", lambda self, piece: _append(self, piece))
    assert "".join(fill(model, "ab", "cd", max_tokens=5)) == ""
    assert "no longer middle was tried (max_tokens 5)" in model.notes[0]
    # 32 places less three marks and four tokens, and one token more than is read.
    "".join(fill(model, "ab", "cd", max_tokens=500))
    assert "(max_tokens 26)" in model.notes[1]


def _append(meeting: Meeting, piece: str) -> bool:
    meeting.written += piece
    return False


def test_all_of_the_middle_stays_in_sight() -> None:
    # The window of plain generation would slide: here each token is what it would be if the
    # whole prompt were run again.
    model = _pretrained()
    text = "".join(fill(model, "abcd", "", max_tokens=500, temperature=0))
    prompt = [MARKS.prefix, MARKS.suffix, MARKS.middle, *b"abcd"]
    tokens = list(prompt)
    while len(tokens) <= 32:
        logits, _ = model.model.forward(np.array([tokens]))
        tokens.append(int(logits[0, -1].argmax()))
        if tokens[-1] == MARKS.end:
            break
    said = [token for token in tokens[len(prompt) :] if token != MARKS.end]
    assert text == TOKENIZER.decode(said)
    assert len(said) > 3


def test_the_same_seed_gives_the_same_middle() -> None:
    model = _pretrained()
    one = "".join(fill(model, "a", "", seed=3, temperature=1.0))
    assert one == "".join(fill(model, "a", "", seed=3, temperature=1.0))
    assert one != "".join(fill(model, "a", "", seed=4, temperature=1.0))


def test_sides_that_are_too_long_lose_their_far_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    model = _pretrained()
    asked = _always(model, monkeypatch, MARKS.end)
    list(fill(model, "abcdefghijklmnopqrstuvwxyz", "0123456789" * 3))
    (prompt,) = asked
    assert bytes(prompt[2:12]) == b"0123456789"
    assert prompt[12] == MARKS.middle
    assert bytes(prompt[13:]) == b"qrstuvwxyz"
    assert "the model sees the last 10 and the first 10" in model.notes[0]


@given(st.integers(0, 80), st.integers(0, 80), st.integers(1, 60), st.integers(0, 80))
def test_fitted_sides_use_all_the_room_and_leave_a_third(
    n_prefix: int, n_suffix: int, room: int, wanted: int
) -> None:
    ids = np.arange(80)
    parts = Parts(ids[:n_prefix], ids[:0], ids[:n_suffix])
    fitted = fitted_sides(parts, room, wanted)
    most = room - min(wanted, room // 3)
    assert len(fitted.prefix) + len(fitted.suffix) == min(most, n_prefix + n_suffix)
    assert fitted.suffix.tolist() == ids[: len(fitted.suffix)].tolist()
    assert fitted.prefix.tolist() == ids[n_prefix - len(fitted.prefix) : n_prefix].tolist()
    half = most // 2
    assert len(fitted.prefix) >= min(n_prefix, half)
    assert len(fitted.suffix) >= min(n_suffix, half)


def test_mistakes_are_told() -> None:
    with pytest.raises(MinilmError, match="max_tokens is -1"):
        fill(_pretrained(), "a", "b", max_tokens=-1)
    with pytest.raises(MinilmError, match="context of 3 tokens has no room"):
        fill(_pretrained(block_size=3), "a", "b")
    plain = _pretrained()
    plain.tokenizer = BytesTokenizer()
    with pytest.raises(MinilmError, match=r"pretrain with objective\.name = fill_in_middle"):
        fill(plain, "a", "b")


def test_generate_is_what_it_stands_in_for() -> None:
    """The stand-in above takes the arguments of the real one."""
    tokens = generate(
        _pretrained().model, np.array([1]), rng=rng.generator(0, 0, "x"), max_tokens=2,
        temperature=0.0, top_k=None, top_p=None,
    )  # fmt: skip
    assert len(list(tokens)) == 2
