"""The head runs where there is a target, and nowhere else."""

from typing import Any

import numpy as np
import pytest

from minilm.nn.linear import Linear
from minilm.nn.parameters import Parameters, Scope
from minilm.objectives import token_loss
from minilm.objectives.batch import IGNORED
from minilm.objectives.token_loss import loss_and_gradient, scores


class Counted:
    """A head that counts the rows it is shown."""

    def __init__(self) -> None:
        scope = Scope()
        self.linear = Linear(scope / "head", 5, 7)
        self.parameters = Parameters(scope.declared, "float64", 1)
        self.rows = 0

    def forward(self, x: np.ndarray) -> Any:
        self.rows += len(x)
        return self.linear.forward(x)

    def backward(self, dy: np.ndarray, saved: Any) -> np.ndarray:
        return self.linear.backward(dy, saved)


@pytest.mark.parametrize("order", ["C", "F"])
def test_rows_without_a_target_cost_nothing_and_get_no_gradient(
    order: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    x = np.asarray(rng.normal(size=(3, 4, 5)), order=order)
    targets = rng.integers(0, 7, (3, 4))
    targets[rng.random((3, 4)) < 0.6] = IGNORED
    chosen = targets != IGNORED
    assert 0 < chosen.sum() < chosen.size

    one, other = Counted(), Counted()
    monkeypatch.setattr(token_loss, "LOGITS_BYTES", 2 * 7 * 8)
    loss, dx = loss_and_gradient(one, x, targets, vocab_size=7, normalizer=3.0)
    assert one.rows == chosen.sum()
    expected, dchosen = loss_and_gradient(
        other, x[chosen], targets[chosen], vocab_size=7, normalizer=3.0
    )
    assert loss == pytest.approx(expected, rel=1e-14)
    np.testing.assert_array_equal(dx[chosen], dchosen)
    assert (dx[~chosen] == 0).all()
    assert (np.abs(dchosen) > 0).all()
    np.testing.assert_allclose(one.parameters.gradients, other.parameters.gradients)


def test_nothing_to_predict_is_no_loss() -> None:
    head = Counted()
    loss, dx = loss_and_gradient(
        head, np.ones((2, 5)), np.full(2, IGNORED), vocab_size=7, normalizer=0.0
    )
    assert (loss, head.rows) == (0.0, 0)
    assert dx.shape == (2, 5)
    assert not dx.any()


def test_scores() -> None:
    head = Counted()
    x = np.random.default_rng(1).normal(size=(9, 5))
    logits, _ = head.linear.forward(x)
    best = logits.argmax(axis=1)
    targets = np.where(np.arange(9) % 2, best, (best + 1) % 7)
    nll, right = scores(head, x, targets, vocab_size=7)
    assert right.tolist() == [False, True] * 4 + [False]
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(nll, -np.log(p[np.arange(9), targets]))
