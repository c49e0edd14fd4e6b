"""Windows, batches as functions of (seed, step), and each validation token scored once."""

import math

import numpy as np
import pytest

from minilm.errors import MinilmError
from minilm.models.config import GPTConfig
from minilm.models.gpt import GPT
from minilm.objectives import token_loss
from minilm.objectives.batch import Batch
from minilm.objectives.next_token import NextToken, document_starts
from minilm.reference import softmax_cross_entropy

CONFIG = GPTConfig(vocab_size=13, block_size=8, n_layer=1, n_head=2, n_embd=8)
IDS = np.random.default_rng(0).integers(0, 13, 500).astype(np.uint16)


def _objective(val: np.ndarray = IDS[:100], **changes: int) -> NextToken:
    settings = {"batch_size": 6, "block_size": 8, "seed": 1} | changes
    return NextToken(IDS, val, np.arange(13), **settings)


def test_targets_are_the_inputs_one_further() -> None:
    batch = _objective().batch(3)
    assert batch.inputs.shape == batch.targets.shape == (6, 8)
    np.testing.assert_array_equal(batch.inputs[:, 1:], batch.targets[:, :-1])
    text = IDS.tobytes()
    for row, last in zip(batch.inputs, batch.targets[:, -1], strict=True):
        window = np.append(row, last).astype(np.uint16).tobytes()
        assert window in text


def test_a_batch_is_a_function_of_seed_and_step() -> None:
    one, other = _objective(), _objective()
    other.batch(0)
    other.batch(7)
    np.testing.assert_array_equal(one.batch(2).inputs, other.batch(2).inputs)
    assert (one.batch(2).inputs != one.batch(3).inputs).any()
    assert (one.batch(2).inputs != _objective(seed=2).batch(2).inputs).any()
    assert one.batch(2).key == other.batch(2).key != one.batch(3).key


def test_windows_reach_both_ends_of_the_text() -> None:
    objective = NextToken(np.arange(10), IDS, np.ones(13, int), batch_size=64, block_size=8, seed=0)
    batch = objective.batch(0)
    assert {int(row[0]) for row in batch.inputs} == {0, 1}
    assert batch.targets.max() == 9


@pytest.mark.parametrize("n", [1, 2, 3, 6])
def test_parts_add_up_to_the_whole_batch(n: int) -> None:
    objective, model = _objective(), GPT(CONFIG, dtype=np.float64)
    batch = objective.batch(0)
    whole = objective.loss_and_gradients(model, batch, batch.n_targets)
    expected = model.parameters.gradients.copy()
    model.parameters.zero_gradients()
    parts = [objective.loss_and_gradients(model, part, batch.n_targets) for part in batch.split(n)]
    assert sum(parts) == pytest.approx(whole, rel=1e-12)
    np.testing.assert_allclose(model.parameters.gradients, expected, rtol=1e-9, atol=1e-15)


def test_parts_of_a_batch_have_dropout_of_their_own() -> None:
    first, second = _objective().batch(0).split(2)
    assert first.key != second.key


@pytest.mark.parametrize("n_val", [2, 8, 9, 10, 17, 100])
def test_every_validation_token_but_the_first_is_scored_once(n_val: int) -> None:
    model = GPT(CONFIG, dtype=np.float64)
    model.parameters.values += np.random.default_rng(2).normal(
        0, 0.3, model.parameters.values.shape
    )
    val = IDS[:n_val]
    nats = []
    for start in range(0, n_val - 1, 8):
        window = val[start : start + 9].astype(int)
        logits, _ = model.forward(window[None, :-1])
        _, saved = softmax_cross_entropy.forward(logits[0], window[1:])
        nats += saved.nll.tolist()
    assert len(nats) == n_val - 1
    metrics = _objective(val).evaluate(model)
    assert metrics["val_loss"] == pytest.approx(np.mean(nats), rel=1e-12)
    # Here a token's id is also its number of bytes.
    assert metrics["val_bpb"] == pytest.approx(sum(nats) / math.log(2) / max(1, val[1:].sum()))


def test_an_estimate_takes_some_windows_and_changes_nothing() -> None:
    model = GPT(CONFIG)
    objective = _objective(estimate_windows=3)
    seen = []
    features = model.features
    object.__setattr__(
        model, "features", lambda t, **kw: seen.append(t.copy()) or features(t, **kw)
    )
    gradients = model.parameters.gradients.copy()
    first, second = objective.evaluate(model, whole=False), objective.evaluate(model, whole=False)
    assert first == second
    assert sum(len(tokens) for tokens in seen) == 2 * 3
    np.testing.assert_array_equal(model.parameters.gradients, gradients)


def test_slices_of_logits_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    objective, model = _objective(), GPT(CONFIG, dtype=np.float64)
    batch = objective.batch(0)
    whole = objective.loss_and_gradients(model, batch, batch.n_targets)
    expected = model.parameters.gradients.copy()
    metrics = objective.evaluate(model)
    model.parameters.zero_gradients()
    monkeypatch.setattr(token_loss, "LOGITS_BYTES", 5 * 13 * 8)
    assert objective.loss_and_gradients(model, batch, batch.n_targets) == pytest.approx(whole)
    np.testing.assert_allclose(model.parameters.gradients, expected, rtol=1e-9, atol=1e-15)
    assert objective.evaluate(model)["val_loss"] == pytest.approx(metrics["val_loss"])


def test_texts_too_short_say_so() -> None:
    with pytest.raises(MinilmError, match=r"8 tokens, but one window needs .* = 9"):
        NextToken(IDS[:8], IDS, np.ones(13), batch_size=1, block_size=8, seed=0)
    with pytest.raises(MinilmError, match="validation text has 1 tokens"):
        _objective(IDS[:1])


def test_where_documents_start() -> None:
    tokens = np.array([[0, 4, 5, 0, 0, 6, 7, 8], [1, 2, 3, 4, 5, 6, 7, 0]])
    expected = [[0, 1, 1, 1, 4, 5, 5, 5], [0] * 8]
    assert document_starts(tokens, 0).tolist() == expected


@pytest.mark.parametrize("position", ["learned", "rope"])
def test_a_document_among_others_is_learned_as_if_it_stood_alone(position: str) -> None:
    # Three documents in one window of 8, token 0 ends each; then each in a window of its own.
    window = np.array([3, 4, 0, 5, 0, 6, 7, 8, 2])
    config = GPTConfig(
        vocab_size=13, block_size=8, n_layer=2, n_head=2, n_embd=8, position=position
    )
    model = GPT(config, dtype=np.float64, seed=4)

    def gradients(objective: NextToken, inputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
        model.parameters.zero_gradients()
        batch = Batch(inputs[None], targets[None], 0)
        losses.append(objective.loss_and_gradients(model, batch, 8))
        return model.parameters.gradients.copy()

    losses: list[float] = []
    together = gradients(_objective(document_end=0), window[:-1], window[1:])
    pieces = [(0, 3), (3, 5), (5, 8)]
    alone = sum(gradients(_objective(), window[a:b], window[a + 1 : b + 1]) for a, b in pieces)
    assert losses[0] == pytest.approx(sum(losses[1:]), rel=1e-12)
    np.testing.assert_allclose(together, alone, rtol=1e-9, atol=1e-14)
    mixed = gradients(_objective(), window[:-1], window[1:])
    assert np.abs(mixed - together).max() > 1e-4


def test_gradients_within_documents() -> None:
    model = GPT(CONFIG, dtype=np.float64, seed=2)
    objective = _objective(document_end=5)
    batch = objective.batch(1)
    assert (batch.inputs == 5).any()

    def loss() -> float:
        return objective.loss_and_gradients(model, batch, batch.n_targets)

    model.parameters.zero_gradients()
    loss()
    direction = np.random.default_rng(1).standard_normal(model.parameters.values.size)
    slope = float(model.parameters.gradients @ direction)
    values, step = model.parameters.values.copy(), 1e-6
    model.parameters.values[:] = values + step * direction
    above = loss()
    model.parameters.values[:] = values - step * direction
    assert slope == pytest.approx((above - loss()) / (2 * step), rel=1e-7)


def test_evaluation_keeps_within_documents_too() -> None:
    # The second document is scored alike whatever stands before it.
    model = GPT(CONFIG, dtype=np.float64, seed=3)
    losses = []
    for first in ([1, 2, 0], [9, 8, 0]):
        val = np.array([*first, 4, 5, 6, 7, 8, 3])
        objective = _objective(val, document_end=0)
        x, _ = model.features(val[None, :-1], starts=document_starts(val[None, :-1], 0))
        nll = token_loss.negative_log_likelihood(model.head, x, val[None, 1:], vocab_size=13)
        losses.append(nll[0])
        assert objective.evaluate(model)["val_loss"] == pytest.approx(nll.mean(), rel=1e-12)
    np.testing.assert_allclose(losses[0][3:], losses[1][3:], rtol=1e-12)
