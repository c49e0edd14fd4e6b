"""Which positions are hidden, by what, and how many of them."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minilm import rng
from minilm.errors import MinilmError
from minilm.objectives.batch import IGNORED
from minilm.objectives.config import MASK, UNITS, MaskedTokensConfig
from minilm.objectives.masking import Alphabet, choose, hide, span_lengths
from minilm.tokenizers import BPETokenizer, BytesTokenizer
from tests import odds

TEXT = "the quick_brown fox jumps over the lazy dog, twice; naïve foxes don't. " * 30
TOKENIZER = BytesTokenizer(("<|endoftext|>", MASK))
ALPHABET = Alphabet.of(TOKENIZER, MASK)
IDS = TOKENIZER.encode(TEXT).astype(np.int64)


def _windows(n: int, length: int, seed: int = 0) -> np.ndarray:
    starts = rng.generator(seed, 0, "starts").integers(0, len(IDS) - length, n)
    return IDS[starts[:, None] + np.arange(length)]


def _fits(count: int, n: int, share: float) -> bool:
    """Whether a count agrees with a share, at odds of one in a thousand to be told it does not."""
    return odds.binomial(int(count), int(n), share) > 1e-3


@pytest.mark.parametrize("unit", ["token", "word"])
def test_the_shares_are_15_and_80_10_10(unit: str) -> None:
    windows = _windows(400, 125)
    config = MaskedTokensConfig(unit=unit)
    inputs, targets = hide(windows, ALPHABET, config, rng.generator(1, 0, "masks"))
    chosen = targets != IGNORED
    np.testing.assert_array_equal(targets[chosen], windows[chosen])
    np.testing.assert_array_equal(inputs[~chosen], windows[~chosen])
    assert _fits(chosen.sum(), chosen.size, 0.15)
    masked = inputs[chosen] == ALPHABET.mask
    # A random token is the true one once in 256 times: among those unchanged, and not.
    same = inputs[chosen] == windows[chosen]
    assert _fits(masked.sum(), chosen.sum(), 0.8)
    assert _fits(same.sum(), chosen.sum(), 0.1 + 0.1 / 256)
    assert _fits((~masked & ~same).sum(), chosen.sum(), 0.1 * 255 / 256)


def test_random_tokens_are_drawn_evenly_and_are_no_special_ones() -> None:
    config = MaskedTokensConfig(rate=1.0, mask=0.0, random=1.0)
    inputs, _ = hide(_windows(300, 100), ALPHABET, config, rng.generator(2, 0, "masks"))
    counts = np.bincount(inputs.ravel(), minlength=258)
    assert counts[256:].sum() == 0
    assert odds.evenly(counts[:256]) > 1e-3


@given(
    st.lists(st.integers(0, 257), min_size=1, max_size=40),
    st.sampled_from(UNITS),
    st.floats(0.001, 1),
    st.integers(0, 99),
)
def test_at_least_one_and_never_a_special_token(
    ids: list[int], unit: str, rate: float, seed: int
) -> None:
    row = np.array(ids)
    config = MaskedTokensConfig(unit=unit, rate=rate)
    groups = choose(row, ALPHABET, config, rng.generator(seed, 0, "x"))
    chosen = groups >= 0
    n_allowed = int((row < 256).sum())
    assert not (chosen & (row >= 256)).any()
    assert chosen.sum() <= max(1, np.ceil(rate * n_allowed))
    assert chosen.any() == (n_allowed > 0)
    assert groups.max() < len(row)


def test_every_position_is_chosen_equally_often() -> None:
    windows = np.tile(np.arange(40), (3000, 1))
    _, targets = hide(windows, ALPHABET, MaskedTokensConfig(), rng.generator(3, 0, "masks"))
    assert odds.evenly((targets != IGNORED).sum(axis=0)) > 1e-3


def test_words_are_of_letters_that_touch() -> None:
    ids = TOKENIZER.encode("a_b c, naïve x1\n")
    words = ALPHABET.words(ids)
    pieces = [
        TOKENIZER.decode(ids[words == number].tolist()) for number in range(int(words[-1]) + 1)
    ]
    assert pieces == ["a_b", " c", ",", " naïve", " x1", "\n"]
    tokenizer = BPETokenizer.train([TEXT], 300, special_tokens=("<|endoftext|>", MASK))
    ids = tokenizer.encode(TEXT)
    words = Alphabet.of(tokenizer, MASK).words(ids)
    pieces = [
        tokenizer.decode(ids[words == number].tolist()) for number in range(int(words[-1]) + 1)
    ]
    assert pieces[:3] == ["the", " quick_brown", " fox"]
    assert len(ids) > len(pieces)


def test_whole_words_are_chosen_whole() -> None:
    config = MaskedTokensConfig(unit="word")
    for row in _windows(50, 100):
        groups = choose(row, ALPHABET, config, rng.generator(int(row[0]), 1, "x"))
        words = ALPHABET.words(row)
        for word in set(words[groups >= 0]):
            assert (groups[words == word] >= 0).all()


def test_a_word_longer_than_what_may_be_chosen_is_cut() -> None:
    row = np.full(50, ord("a"))
    groups = choose(row, ALPHABET, MaskedTokensConfig(unit="word"), rng.generator(0, 0, "x"))
    assert 7 <= (groups >= 0).sum() <= 8


def test_spans_are_runs_of_words_of_geometric_length_with_one_fate() -> None:
    # Words of one token each, so that lengths can be counted; few, so that spans rarely touch.
    row = np.tile([ord("."), ord(",")], 500)
    config = MaskedTokensConfig(unit="span", rate=0.03)
    lengths = []
    for i in range(150):
        groups = choose(row, ALPHABET, config, rng.generator(i, 0, "x"))
        _, counts = np.unique(groups[groups >= 0], return_counts=True)
        lengths += counts[:-1].tolist()  # the last one is cut to the budget
    seen = np.bincount(lengths, minlength=11)[1:]
    assert seen.sum() == len(lengths)
    # Spans that touch or overlap lose a part: hence 5 % of room and no sharper test.
    assert np.mean(lengths) == pytest.approx(span_lengths(config) @ np.arange(1, 11), rel=0.1)
    inputs, targets = hide(row[None], ALPHABET, config, rng.generator(9, 0, "x"))
    groups = choose(row, ALPHABET, config, rng.generator(9, 0, "x"))
    np.testing.assert_array_equal(targets[0] != IGNORED, groups >= 0)
    fates = set()
    for group in set(groups[groups >= 0]):
        masked = set((inputs[0, groups == group] == ALPHABET.mask).tolist())
        assert len(masked) == 1
        fates |= masked
    assert True in fates


def test_the_lengths_of_spans_are_those_of_spanbert() -> None:
    p = span_lengths(MaskedTokensConfig(unit="span"))
    assert p.sum() == pytest.approx(1)
    assert p[1:] / p[:-1] == pytest.approx(np.full(9, 0.8))
    assert p @ np.arange(1, 11) == pytest.approx(3.8, abs=0.01)


def test_spans_have_the_share_too() -> None:
    config = MaskedTokensConfig(unit="span")
    groups = [choose(row, ALPHABET, config, rng.generator(i, 0, "x"))
              for i, row in enumerate(_windows(300, 125))]  # fmt: skip
    assert _fits((np.stack(groups) >= 0).sum(), 300 * 125, 0.15)


def test_a_tokenizer_of_special_tokens_alone_is_refused() -> None:
    tokenizer = SimpleNamespace(vocab_size=1, special_tokens={"[MASK]": 0})
    with pytest.raises(MinilmError, match="nothing to hide"):
        Alphabet.of(tokenizer, "[MASK]")
