"""Windows with rearranged documents: the same text, a function of (seed, step), the right loss."""

import numpy as np
import pytest

from minilm import corpus, rng
from minilm.corpus import Document
from minilm.directional_check import directional_check
from minilm.errors import MinilmError
from minilm.models.config import GPTConfig
from minilm.models.gpt import GPT
from minilm.objectives.batch import IGNORED
from minilm.objectives.config import FillInMiddleConfig
from minilm.objectives.fill_in_middle import FillInMiddle, stretches
from minilm.objectives.middle import Marks, restore
from minilm.objectives.next_token import NextToken
from minilm.reference import softmax_cross_entropy
from minilm.tokenizers import END_OF_TEXT, BytesTokenizer

CONFIG = FillInMiddleConfig()
TOKENIZER = BytesTokenizer((END_OF_TEXT, *CONFIG.special_tokens))
MARKS = Marks.of(TOKENIZER)
T = 32


def _stream(texts: list[str]) -> np.ndarray:
    return corpus.encode([Document(str(i), t, "") for i, t in enumerate(texts)], TOKENIZER).ids


LONG = _stream([f"line {i}: größer 😀 and more of it\r\n" * 20 for i in range(4)])
# Each is sixteen tokens with its end: a window of 64 holds three whole ones at least.
SHORT = _stream([f"document {i:06d}" for i in range(200)])


def _task(ids: np.ndarray = LONG, **changes: object) -> FillInMiddle:
    config = {k: changes.pop(k) for k in ("rate", "suffix_first") if k in changes}
    settings = {"batch_size": 6, "block_size": T, "seed": 1, "estimate_windows": 8} | changes
    return FillInMiddle(
        ids,
        LONG[:400],
        np.ones(TOKENIZER.vocab_size, int),
        tokenizer=TOKENIZER,
        config=FillInMiddleConfig(**config),
        **settings,
    )


def _rows(task: FillInMiddle, step: int) -> np.ndarray:
    """Each whole row of a batch, `IGNORED` where it was filled up."""
    batch = task.batch(step)
    return np.concatenate([batch.inputs[:, :1], batch.targets], axis=1)


def test_without_rearranging_the_batches_are_those_of_next_tokens() -> None:
    task = _task(rate=0.0)
    plain = NextToken(LONG, LONG[:400], np.ones(261, int), batch_size=6, block_size=T, seed=1)
    for step in range(5):
        ours, theirs = task.batch(step), plain.batch(step)
        np.testing.assert_array_equal(ours.inputs, theirs.inputs)
        np.testing.assert_array_equal(ours.targets, theirs.targets)
        assert ours.key == theirs.key


def test_a_batch_is_a_function_of_seed_and_step() -> None:
    one, other = _task(), _task()
    for step in (0, 7, 3):
        other.batch(step)
    np.testing.assert_array_equal(one.batch(2).inputs, other.batch(2).inputs)
    np.testing.assert_array_equal(one.batch(2).targets, other.batch(2).targets)
    assert (one.batch(2).inputs != one.batch(3).inputs).any()
    assert (one.batch(2).inputs != _task(seed=2).batch(2).inputs).any()


@pytest.mark.parametrize("suffix_first", [0.0, 1.0])
def test_a_rearranged_window_is_the_same_text(suffix_first: float) -> None:
    task = _task(rate=1.0, suffix_first=suffix_first)
    text = TOKENIZER.decode_bytes(LONG)
    for step in range(20):
        for row in _rows(task, step):
            row = row[row != IGNORED]
            assert row[0] == MARKS.prefix
            pieces = stretches(row, MARKS.end)
            if len(pieces) > 1 or pieces[0][-1] != MARKS.end:
                continue  # a document ended in it, or the middle filled it
            assert (pieces[0][1] == MARKS.suffix) >= bool(suffix_first)
            assert restore(pieces[0], TOKENIZER) in text


def test_targets_are_the_inputs_one_further_and_rows_are_full() -> None:
    task = _task()
    for step in range(20):
        batch = task.batch(step)
        assert batch.inputs.shape == batch.targets.shape == (6, T)
        scored = batch.targets[:, :-1] != IGNORED
        np.testing.assert_array_equal(batch.inputs[:, 1:][scored], batch.targets[:, :-1][scored])
        assert batch.inputs.min() >= 0
        assert batch.n_targets > 0.95 * batch.targets.size


def test_documents_are_cut_each_for_itself() -> None:
    task = _task(SHORT, rate=1.0, block_size=64)
    texts = {f"document {i:06d}".encode() for i in range(200)}
    whole = 0
    for step in range(10):
        for row in _rows(task, step):
            pieces = stretches(row[row != IGNORED], MARKS.end)
            for piece in pieces[1:-1]:  # those at the ends may be cut off by the window
                assert restore(piece, TOKENIZER) in texts
                whole += 1
    assert whole > 60


def test_the_rates_are_those_that_were_asked_for() -> None:
    for rate, first in ((0.5, 0.5), (0.9, 0.25)):
        task = _task(rate=rate, suffix_first=first, batch_size=50)
        # Windows within one document: one draw each. An empty prefix or suffix looks like
        # the other form, so only those with something in both are told apart.
        rows = [row for step in range(20) for row in _rows(task, step)]
        rows = [row for row in rows if (row == MARKS.end).sum() <= 1]
        moved = [row for row in rows if row[0] == MARKS.prefix]
        n = len(rows)
        assert abs(len(moved) / n - rate) < 5 * (rate * (1 - rate) / n) ** 0.5
        spm = sum(row[1] == MARKS.suffix for row in moved) / len(moved)
        empty = 2 / (T + 1)  # about the chance of an empty prefix
        assert abs(spm - (first + (1 - first) * empty)) < 5 * (0.25 / len(moved)) ** 0.5 + 0.02


def test_the_gradient_is_that_of_the_loss() -> None:
    model = GPT(
        GPTConfig(vocab_size=261, block_size=T, n_layer=1, n_head=2, n_embd=8), dtype=np.float64
    )
    model.parameters.values += rng.generator(0, 0, "test").normal(
        0, 0.2, model.parameters.values.shape
    )
    task = _task()
    batch = task.batch(0)
    model.parameters.zero_gradients()
    value = task.loss_and_gradients(model, batch, batch.n_targets)
    gradient = model.parameters.gradients.copy()

    def loss() -> float:
        logits, _ = model.forward(batch.inputs)
        flat = logits.reshape(-1, logits.shape[-1])
        return float(softmax_cross_entropy.forward(flat, batch.targets.reshape(-1))[0])

    assert value == pytest.approx(loss(), rel=1e-12)
    report = directional_check(loss, model.parameters.values, gradient)
    assert report.ok, report


def test_parts_of_a_batch_add_up() -> None:
    model, task = (
        GPT(
            GPTConfig(vocab_size=261, block_size=T, n_layer=1, n_head=2, n_embd=8), dtype=np.float64
        ),
        _task(),
    )
    batch = task.batch(0)
    whole = task.loss_and_gradients(model, batch, batch.n_targets)
    expected = model.parameters.gradients.copy()
    model.parameters.zero_gradients()
    parts = [task.loss_and_gradients(model, part, batch.n_targets) for part in batch.split(3)]
    assert sum(parts) == pytest.approx(whole, rel=1e-12)
    np.testing.assert_allclose(model.parameters.gradients, expected, rtol=1e-9, atol=1e-15)


def test_evaluation_has_the_loss_from_left_to_right_and_that_of_middles() -> None:
    model, task = (
        GPT(GPTConfig(vocab_size=261, block_size=T, n_layer=1, n_head=2, n_embd=8)),
        _task(),
    )
    for whole in (True, False):
        metrics = task.evaluate(model, whole=whole)
        plain = task.left_to_right.evaluate(model, whole=whole)
        assert {key: metrics[key] for key in plain} == plain
        assert 5 < metrics["val_middle_loss"] < 6
        assert 7 < metrics["val_middle_bpb"] < 9
        assert 7 < metrics["val_middle_prefix_bpb"] < 9
        assert all(type(value) is float for value in metrics.values())


def test_holes_are_the_same_in_every_run_and_fit_the_context() -> None:
    one, other = _task(seed=1).holes(), _task(seed=2, rate=0.9).holes()
    assert len(one) == 12
    for a, b in zip(one, other, strict=True):
        for part, same in zip(a.parts, b.parts, strict=True):
            np.testing.assert_array_equal(part, same)
        assert sum(map(len, a.parts)) + len(MARKS) <= T
        assert a.n_bytes == len(a.parts.middle)
    assert len(_task().holes(whole=False)) == 8
    assert sum(len(hole.parts.middle) > 0 for hole in one) > 9


def test_a_block_without_room_for_marks_is_refused() -> None:
    with pytest.raises(MinilmError, match="block_size = 7: fill-in-the-middle needs 8"):
        _task(block_size=7)


def test_a_tokenizer_without_marks_is_refused() -> None:
    with pytest.raises(MinilmError, match="the tokenizer has no"):
        FillInMiddle(
            LONG,
            LONG,
            np.ones(257),
            tokenizer=BytesTokenizer(),
            config=CONFIG,
            batch_size=1,
            block_size=T,
            seed=0,
        )


def test_shares_beyond_one_are_refused() -> None:
    with pytest.raises(MinilmError, match=r"objective\.rate = 1\.5"):
        FillInMiddleConfig(rate=1.5)
    with pytest.raises(MinilmError, match=r"objective\.suffix_first = -0\.1"):
        FillInMiddleConfig(suffix_first=-0.1)
