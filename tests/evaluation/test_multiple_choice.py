"""Multiple choice: boundaries of tokens, sums, bytes, ties; cloze; a harness in PyTorch."""

import math

import numpy as np
import pytest

from minilm.errors import MinilmError
from minilm.evaluation.items import Item
from minilm.evaluation.multiple_choice import beginning, best, requests, result
from minilm.evaluation.scoring import TokenScores, score
from minilm.models.config import GPTConfig
from minilm.models.gpt import GPT
from minilm.tokenizers import BPETokenizer, BytesTokenizer, CharTokenizer

# Merges "ab" and "abc", so that a context "xab" is cut through by the continuation "c".
BPE = BPETokenizer.train(["abc abc abc ab ab"], vocab_size=261)


def _scores(*nll: float, rank: int = 0) -> TokenScores:
    return TokenScores(np.array(nll), np.full(len(nll), rank), np.ones(len(nll)))


def _model(vocab_size: int) -> GPT:
    config = GPTConfig(vocab_size=vocab_size, block_size=32, n_layer=1, n_head=2, n_embd=8)
    model = GPT(config, dtype=np.float64, seed=1)
    model.parameters.values += np.random.default_rng(2).normal(
        0, 0.5, model.parameters.values.shape
    )
    return model


def _log_p(model: GPT, ids: np.ndarray) -> np.ndarray:
    """log P of each id but the first."""
    logits = model.forward(ids[None, :-1])[0][0]
    return (logits - np.log(np.exp(logits).sum(-1, keepdims=True)))[range(len(ids) - 1), ids[1:]]


def test_where_no_token_crosses_the_continuation_is_scored() -> None:
    tokenizer = BytesTokenizer()
    item = Item("q:1", "éa", (" b", " cc"), 1)
    one, other = requests(item, tokenizer)
    assert one.ids.tolist() == [256, *"éa b".encode()]
    assert one.first == other.first == 3  # the input before the first byte of " b"
    model = _model(257)
    found = score(model, [one, other])
    np.testing.assert_allclose(found[0].nll, -_log_p(model, one.ids)[3:], rtol=1e-9)
    assert (len(found[0].nll), len(found[1].nll)) == (2, 3)


def test_where_a_token_crosses_all_are_charged_for_the_same_characters() -> None:
    item = Item("q:1", "xab", ("c", "b", " ab"), 0)
    whole = [BPE.encode(item.context + text) for text in item.continuations]
    assert [BPE.token_bytes(i) for i in whole[0]] == [b"x", b"abc"]
    asked = requests(item, BPE)
    assert [request.first for request in asked] == [1, 1, 1]  # "x" is given, "ab" is not
    model = _model(BPE.vocab_size)
    sums = [-float(part.nll.sum()) for part in score(model, asked)]
    of_texts = [float(_log_p(model, request.ids).sum()) for request in asked]
    np.testing.assert_allclose(np.subtract(sums, sums[0]), np.subtract(of_texts, of_texts[0]))


def test_where_texts_part_before_the_context_ends_nothing_later_is_given() -> None:
    """The tokens of the first text are a single one; those of the second part within it."""
    item = Item("q:1", "ab", ("c", "d"), 0)
    asked = requests(item, BPE)
    assert [len(request.ids) - 1 - request.first for request in asked] == [1, 2]
    (alone,) = requests(Item("q:2", "ab", ("d",)), BPE)
    assert len(alone.ids) - 1 - alone.first == 1


def test_a_text_begins_after_the_end_of_another() -> None:
    assert beginning(BytesTokenizer()).tolist() == [256]
    plain = CharTokenizer.train(["ab c"], with_end_of_text=False)
    assert beginning(plain).tolist() == []
    (asked,) = requests(Item("q:1", "", ("a",)), BytesTokenizer())
    assert (asked.ids.tolist(), asked.first) == ([256, 97], 0)
    with pytest.raises(MinilmError, match="q:1: no token of the context stands before"):
        requests(Item("q:1", "", ("a",)), plain)
    (asked,) = requests(Item("q:1", "ab", (" c",)), plain)
    assert len(asked.ids) - 1 - asked.first == 2


def test_a_character_that_is_lacking_is_told_with_its_line() -> None:
    plain = CharTokenizer.train(["ab c"], with_end_of_text=False)
    with pytest.raises(MinilmError, match=r"q\.jsonl:7: character 'z'"):
        requests(Item("q.jsonl:7", "a", ("b", "z")), plain)


class _Normalising(BytesTokenizer):
    """Drops spaces at the end, as some tokenizers do, so that bytes do not add up."""

    def encode(self, text):
        return super().encode(text.replace("é", "e").rstrip(" "))


def test_where_the_text_is_normalised_the_context_alone_tells() -> None:
    one, other = requests(Item("q:1", "éa", ("b", "c"), 0), _Normalising())
    assert (one.ids.tolist(), one.first, other.first) == ([256, *b"eab"], 2, 2)
    (blank,) = requests(Item("q:1", "éa", (" ",), 0), _Normalising())
    assert len(blank.ids) - 1 - blank.first == 1  # something is left to score
    with pytest.raises(MinilmError, match="q:1: the tokenizer makes no token"):
        requests(Item("q:1", "", (" ",), 0), _Normalising())


def test_sums_bytes_and_ties() -> None:
    items = [
        Item("q:1", "", ("ab", "abcd"), 1),  # -2 against -3: by bytes -1 against -0.75
        Item("q:2", "", ("é", "ab"), 0),  # two bytes each: a tie
        Item("q:3", "", ("a", "b", "c"), 2),
        Item("q:4", "", ("é", "a"), 0),  # -1.5 against -1: by bytes -0.75, by characters -1.5
    ]
    scores = [
        [_scores(2.0), _scores(1.0, 2.0)],
        [_scores(1.0), _scores(0.5, 0.5)],
        [_scores(3.0), _scores(3.0), _scores(2.9)],
        [_scores(1.5), _scores(1.0)],
    ]
    found = result("some", items, scores)
    assert (found.name, found.kind, found.items) == ("some", "multiple choice", 4)
    assert found.accuracy.value == pytest.approx(1 / 4)
    assert found.accuracy.error == pytest.approx(1 / 4)  # s / sqrt(4) of 0, 0, 1, 0
    assert found.accuracy_normalized.value == pytest.approx(3 / 4)
    assert found.chance == pytest.approx((3 / 2 + 1 / 3) / 4)


def test_a_tie_is_wrong_wherever_it_stands() -> None:
    for place in range(3):
        assert not best([-1.0, -1.0, -1.0], place)
    assert not best([-1.0, -1.0, -5.0], 0)
    assert not best([-1.0, -1.0, -5.0], 1)
    assert best([-1.0, -1.0, -0.5], 2)
    assert not best([math.nan, math.nan], 0)
    assert not best([-math.inf, -math.inf], 0)


def test_items_of_a_document_count_together() -> None:
    items = [Item(f"q:{i}", "", ("a", "b"), 0, "d" if i < 2 else "e") for i in range(4)]
    right, wrong = [_scores(0.0), _scores(1.0)], [_scores(1.0), _scores(0.0)]
    found = result("some", items, [right, right, wrong, wrong])
    assert found.accuracy == (0.5, 0.5)


def test_cloze_is_right_if_every_token_is_the_first_guess() -> None:
    items = [Item(f"q:{i}", "", ("ab",)) for i in range(3)]
    mixed = TokenScores(np.array([1.0, 2.0]), np.array([0, 1]), np.ones(2))
    found = result("some", items, [[_scores(0.5, 0.5)], [mixed], [_scores(2.0, 0.0, rank=3)]])
    assert found.kind == "cloze"
    assert found.accuracy.value == pytest.approx(1 / 3)
    assert found.perplexity.value == pytest.approx(math.exp((1 + 3 + 2) / 3))
    assert found.accuracy_normalized is found.chance is None


@pytest.mark.oracle
def test_a_harness_in_pytorch_agrees() -> None:
    """Context and continuation apart, as where no token crosses; sums by torch.log_softmax."""
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(5)
    model, tokenizer = _model(257), BytesTokenizer()
    items = []
    for i in range(12):
        texts = ["".join(map(chr, rng.integers(97, 123, n))) for n in (6, 1, 3, 4)]
        items.append(Item(f"q:{i}", texts[0], tuple(f" {text}" for text in texts[1:]), i % 3))
    expected, normalized = [], []
    for item in items:
        sums = []
        context = [256, *item.context.encode()]
        for text in item.continuations:
            ids = torch.tensor(context + list(text.encode()))
            logits = torch.from_numpy(model.forward(ids[None, :-1].numpy())[0][0])
            log_p = torch.log_softmax(logits, dim=-1)[len(context) - 1 :]
            sums.append(log_p.gather(1, ids[len(context) :, None]).sum().item())
        per_byte = [s / len(text) for s, text in zip(sums, item.continuations, strict=True)]
        expected.append(int(np.argmax(sums)) == item.answer)
        normalized.append(int(np.argmax(per_byte)) == item.answer)
    asked = [requests(item, tokenizer) for item in items]
    found = result("some", items, [score(model, one) for one in asked])
    assert found.accuracy.value == pytest.approx(np.mean(expected))
    assert found.accuracy_normalized.value == pytest.approx(np.mean(normalized))
    assert 0 < sum(expected) < len(items)
