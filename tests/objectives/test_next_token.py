"""Windows, batches as functions of (seed, step), and each validation token scored once."""

import math

import numpy as np
import pytest

from minilm.errors import MinilmError
from minilm.models.config import GPTConfig
from minilm.models.gpt import GPT
from minilm.objectives import token_loss
from minilm.objectives.next_token import NextToken
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
