"""Masked tokens: batches from (seed, step), the loss at hidden places only, its gradient."""

import numpy as np
import pytest

from minilm.backend import TWINS, using
from minilm.errors import MinilmError
from minilm.gradient_check import directional_check
from minilm.models.bert import BERT
from minilm.models.bert_config import BERTConfig
from minilm.objectives.batch import IGNORED
from minilm.objectives.config import MASK, MaskedTokensConfig
from minilm.objectives.masked_tokens import MaskedTokens
from minilm.tokenizers import CharTokenizer

TEXT = "the cat sat on the mat and the dog sat on the log. " * 6
TOKENIZER = CharTokenizer.train([TEXT], special_tokens=(MASK,))
IDS = TOKENIZER.encode(TEXT).astype(np.int64)
CONFIG = BERTConfig(
    vocab_size=TOKENIZER.vocab_size, block_size=16, n_layer=1, n_head=2, n_embd=12, n_token_type=0
)


def _objective(val: np.ndarray = IDS[:100], **changes: int) -> MaskedTokens:
    settings = {"batch_size": 6, "block_size": 16, "seed": 1, **changes}
    return MaskedTokens(IDS, val, TOKENIZER, MaskedTokensConfig(), **settings)


def _model(dtype: str = "float64") -> BERT:
    model = BERT(CONFIG, dtype=dtype, seed=2)
    values = model.parameters.values
    values += np.random.default_rng(3).normal(0, 0.3, values.shape).astype(dtype)
    return model


def test_a_batch_is_a_function_of_seed_and_step() -> None:
    one, other = _objective(), _objective()
    np.testing.assert_array_equal(one.batch(2).inputs, other.batch(2).inputs)
    np.testing.assert_array_equal(one.batch(2).targets, other.batch(2).targets)
    assert (one.batch(2).inputs != one.batch(3).inputs).any()
    assert (one.batch(2).inputs != _objective(seed=2).batch(2).inputs).any()
    assert one.batch(2).key == other.batch(2).key != one.batch(3).key


def test_what_is_hidden_is_drawn_anew_for_the_same_window() -> None:
    objective = MaskedTokens(
        IDS[:16], IDS, TOKENIZER, MaskedTokensConfig(), batch_size=4, block_size=16, seed=0
    )
    hidden = [(objective.batch(step).targets != IGNORED) for step in range(3)]
    assert (hidden[0] != hidden[1]).any()
    assert (hidden[1] != hidden[2]).any()
    assert (hidden[0][0] != hidden[0][1]).any()


@pytest.mark.parametrize("twin", TWINS)
def test_gradient_along_random_directions(twin: str) -> None:
    objective, model = _objective(), _model()
    batch = objective.batch(0)
    parameters = model.parameters

    def loss() -> float:
        gradients = parameters.gradients.copy()
        found = objective.loss_and_gradients(model, batch, batch.n_targets)
        parameters.gradients[...] = gradients
        return found

    with using(twin):
        objective.loss_and_gradients(model, batch, batch.n_targets)
        report = directional_check(loss, parameters.values, parameters.gradients, step=2.0**-18)
    assert report.worst <= 1e-7, str(report)
    assert np.abs(parameters["blocks.0.attention.qkv.weight"].grad).max() > 0


def test_the_loss_is_the_mean_over_hidden_tokens_of_all_logits() -> None:
    objective, model = _objective(), _model()
    batch = objective.batch(0)
    found = objective.loss_and_gradients(model, batch, batch.n_targets)
    logits, _ = model.forward(batch.inputs)
    z = logits - logits.max(axis=2, keepdims=True)
    nll = (
        np.log(np.exp(z).sum(axis=2))
        - np.take_along_axis(z, np.maximum(batch.targets, 0)[:, :, None], axis=2)[:, :, 0]
    )
    chosen = batch.targets != IGNORED
    assert batch.n_targets == chosen.sum() < chosen.size / 3
    assert found == pytest.approx(nll[chosen].mean(), rel=1e-12)


@pytest.mark.parametrize("n", [1, 2, 6])
def test_parts_add_up_to_the_whole_batch(n: int) -> None:
    objective, model = _objective(), _model()
    batch = objective.batch(0)
    whole = objective.loss_and_gradients(model, batch, batch.n_targets)
    expected = model.parameters.gradients.copy()
    model.parameters.zero_gradients()
    parts = [objective.loss_and_gradients(model, part, batch.n_targets) for part in batch.split(n)]
    assert sum(parts) == pytest.approx(whole, rel=1e-12)
    np.testing.assert_allclose(model.parameters.gradients, expected, rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("n_val", [2, 16, 17, 100, 112])
def test_evaluation_hides_the_same_tokens_each_time(n_val: int) -> None:
    objective, model = _objective(IDS[:n_val]), _model()
    metrics = objective.evaluate(model)
    assert metrics == objective.evaluate(model)
    nats, hits, seen = [], [], []
    for inputs, targets in objective.validation():
        chosen = targets != IGNORED
        assert (inputs[chosen] == TOKENIZER.special_tokens[MASK]).all()
        assert chosen.any(axis=1).all()
        seen += np.where(chosen, targets, inputs).ravel().tolist()
        logits, _ = model.forward(inputs)
        rows, right = logits[chosen], targets[chosen]
        z = rows - rows.max(axis=1, keepdims=True)
        nats += list(np.log(np.exp(z).sum(axis=1)) - z[np.arange(len(z)), right])
        hits += list(rows.argmax(axis=1) == right)
    assert seen == IDS[:n_val].tolist()
    assert metrics["val_loss"] == pytest.approx(np.mean(nats))
    assert metrics["val_accuracy"] == pytest.approx(np.mean(hits))


def test_an_estimate_sees_some_of_the_windows_as_the_whole_does() -> None:
    objective = _objective(IDS[:160], estimate_windows=3)
    every = np.concatenate([inputs for inputs, _ in objective.validation()])
    some = np.concatenate([inputs for inputs, _ in objective.validation(whole=False)])
    assert len(every) == 10
    np.testing.assert_array_equal(some, every[[0, 4, 9]])


def test_dropout_is_for_training_only() -> None:
    objective = _objective()
    model = BERT(CONFIG.changed(dropout=0.5), dtype=np.float64, seed=2)
    batch = objective.batch(0)
    dropped = objective.loss_and_gradients(model, batch, batch.n_targets)
    plain = BERT(CONFIG, dtype=np.float64, seed=2)
    assert dropped != objective.loss_and_gradients(plain, batch, batch.n_targets)
    assert objective.evaluate(model) == objective.evaluate(plain)


def test_texts_that_are_too_short() -> None:
    with pytest.raises(MinilmError, match=r"has 15 tokens, but one window needs .* = 16"):
        MaskedTokens(
            IDS[:15], IDS, TOKENIZER, MaskedTokensConfig(), batch_size=1, block_size=16, seed=0
        )
    with pytest.raises(MinilmError, match="validation text has 1 tokens"):
        _objective(IDS[:1])
