from __future__ import annotations

import numpy as np
import pytest

from minilm.errors import MinilmError
from minilm.gradient_check import directional_check

PARTS = {"w1": slice(0, 12), "w2": slice(12, 20)}


class Model:
    """Two layers on flat parameters: w1 (3, 4), w2 (4, 2)."""

    def __init__(self):
        normal = np.random.default_rng(2).standard_normal
        self.values, self.x, self.target = normal(20), normal((5, 3)), normal((5, 2))

    def run(self):
        w1, w2 = self.values[:12].reshape(3, 4), self.values[12:].reshape(4, 2)
        hidden = np.tanh(self.x @ w1)
        difference = hidden @ w2 - self.target
        dw2 = hidden.T @ difference
        dw1 = self.x.T @ (difference @ w2.T * (1 - hidden**2))
        return 0.5 * float(np.sum(difference**2)), np.concatenate([dw1.ravel(), dw2.ravel()])

    def loss(self):
        return self.run()[0]


def test_directions_of_a_model():
    model = Model()
    before = model.values.copy()
    report = directional_check(model.loss, model.values, model.run()[1], n_directions=3)
    assert report.ok
    assert report.worst < 1e-9
    assert len(report.rows) == 3
    assert all(row.largest > 0 for row in report.rows)
    assert model.values.tobytes() == before.tobytes()


def test_directions_name_the_wrong_part():
    model = Model()
    gradient = model.run()[1]
    gradient[7] *= 1.001
    report = directional_check(model.loss, model.values, gradient, parts=PARTS)
    assert {row.argument for row in report.rows if not row.ok} == {"w1"}
    assert {row.argument for row in report.rows} == {"w1", "w2"}
    assert not directional_check(model.loss, model.values, gradient).ok


def test_directions_restore_the_values_after_an_error():
    model = Model()
    before, calls = model.values.copy(), []

    def failing():
        calls.append(1)
        if len(calls) == 4:
            raise RuntimeError("no more")
        return model.loss()

    with pytest.raises(RuntimeError, match="no more"):
        directional_check(failing, model.values, np.zeros(20))
    assert model.values.tobytes() == before.tobytes()


def test_directions_with_a_gradient_of_zero_where_it_is_not():
    model = Model()
    assert not directional_check(model.loss, model.values, np.zeros(20)).ok


def test_rounding_noise_is_not_a_gradient():
    """The length of a normalised vector does not change: only rounding is left."""
    values = np.linspace(1, 2, 7)

    def loss():
        return 5e6 * float(np.sum((values / np.sqrt(values @ values)) ** 2))

    report = directional_check(loss, values, np.zeros(7))
    assert report.ok, f"\n{report}"
    assert len(report.rows) == 4


def test_a_tiny_wrong_gradient_beside_a_large_loss():
    values = np.linspace(1, 2, 7)

    def loss():
        return 1 + 1e-4 * float(np.sum(values))

    assert directional_check(loss, values, np.full(7, 1e-4)).ok
    assert not directional_check(loss, values, np.full(7, 1.001e-4)).ok


def test_directions_where_nothing_depends():
    values = np.zeros(3)
    report = directional_check(lambda: 4.0, values, np.zeros(3))
    assert report.ok
    assert report.worst == 0


def test_directions_through_a_loss_that_is_not_finite():
    report = directional_check(lambda: float("nan"), np.zeros(3), np.ones(3))
    assert not report.ok
    assert "nan" in report.rows[0].problem


@pytest.mark.parametrize(
    ("values", "gradient"),
    [
        (np.zeros(3, np.float32), np.zeros(3, np.float32)),
        (np.zeros((2, 2)), np.zeros((2, 2))),
        (np.zeros(3), np.zeros(4)),
    ],
)
def test_directions_need_a_float64_vector(values, gradient):
    with pytest.raises(MinilmError, match="float64 values"):
        directional_check(lambda: 0.0, values, gradient)
