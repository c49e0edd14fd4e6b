from __future__ import annotations

import math

import numpy as np
import pytest

from minilm.reference import adamw

SETTINGS = {
    "learning_rate": 0.01,
    "beta1": 0.9,
    "beta2": 0.99,
    "eps": 1e-6,
    "weight_decay": 0.2,
    "n_decay": 3,
    "scale": 0.7,
}


def trajectory(n_steps, seed=0, dtype=np.float64, **changes):
    """values, m and v after each of `n_steps`, and the gradients used."""
    rng = np.random.default_rng(seed)
    values, m, v = rng.standard_normal(5).astype(dtype), np.zeros(5, dtype), np.zeros(5, dtype)
    states, gradients = [(values.copy(), m.copy(), v.copy())], []
    for step in range(1, n_steps + 1):
        gradients.append(rng.standard_normal(5).astype(dtype))
        adamw.step(values, gradients[-1], m, v, step=step, **{**SETTINGS, **changes})
        states.append((values.copy(), m.copy(), v.copy()))
    return states, gradients


def test_against_scalars():
    states, gradients = trajectory(4)
    for i in range(5):
        value, m, v = states[0][0][i], 0.0, 0.0
        for step, gradient in enumerate(gradients, start=1):
            g = 0.7 * gradient[i]
            if i < 3:
                value = value - 0.01 * 0.2 * value
            m = 0.9 * m + (1 - 0.9) * g
            v = 0.99 * v + (1 - 0.99) * g**2
            m_hat, v_hat = m / (1 - 0.9**step), v / (1 - 0.99**step)
            value = value - 0.01 * m_hat / (math.sqrt(v_hat) + 1e-6)
            expected = (value, m, v)
            found = [array[i] for array in states[step]]
            np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_only_the_first_entries_decay():
    settings = {**SETTINGS, "n_decay": 2}
    values, zero = np.ones(4), np.zeros(4)
    adamw.step(values, zero, zero.copy(), zero.copy(), step=1, **settings)
    np.testing.assert_allclose(values, [1 - 0.01 * 0.2] * 2 + [1, 1], rtol=1e-14)


def test_first_step_is_the_learning_rate():
    values = np.zeros(3)
    settings = {**SETTINGS, "eps": 0.0, "scale": 1.0}
    gradients = np.array([1e-3, -4.0, 1e6])
    adamw.step(values, gradients, np.zeros(3), np.zeros(3), step=1, **settings)
    np.testing.assert_allclose(values, [-0.01, 0.01, -0.01], rtol=1e-12)


def test_in_place_on_views_and_gradients_unchanged():
    arena = np.arange(24.0).reshape(4, 6)
    before = arena.copy()
    values, gradients, m, v = (row[:5] for row in arena)
    adamw.step(values, gradients, m, v, step=3, **SETTINGS)
    assert np.array_equal(arena[1], before[1])
    assert np.array_equal(arena[:, 5], before[:, 5])
    assert all((arena[row, :5] != before[row, :5]).all() for row in (0, 2, 3))


def test_scale_is_1_if_not_given():
    settings = {name: value for name, value in SETTINGS.items() if name != "scale"}
    plain, explicit = np.ones(3), np.ones(3)
    gradients = np.array([1.0, 2.0, 3.0])
    adamw.step(plain, gradients, np.zeros(3), np.zeros(3), step=1, **settings)
    adamw.step(explicit, gradients, np.zeros(3), np.zeros(3), step=1, scale=1.0, **settings)
    assert np.array_equal(plain, explicit)


def test_float32_follows_float64():
    states32, gradients = trajectory(20, dtype=np.float32)
    values, m, v = (array.astype(np.float64) for array in states32[0])
    for step, gradient in enumerate(gradients, start=1):
        adamw.step(values, gradient.astype(np.float64), m, v, step=step, **SETTINGS)
    assert all(array.dtype == np.float32 for array in states32[-1])
    np.testing.assert_allclose(states32[-1][0], values, atol=1e-6)


@pytest.mark.parametrize("step", [0, -1])
def test_step_counts_from_1(step):
    with pytest.raises(ValueError, match="counts from 1"):
        adamw.step(np.ones(1), np.ones(1), np.ones(1), np.ones(1), step=step, **SETTINGS)


@pytest.mark.oracle
def test_against_torch():
    torch = pytest.importorskip("torch")
    states, gradients = trajectory(20, scale=1.0)
    decaying = torch.tensor(states[0][0][:3], requires_grad=True)
    other = torch.tensor(states[0][0][3:], requires_grad=True)
    groups = [
        {"params": [decaying], "weight_decay": 0.2},
        {"params": [other], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=0.01, betas=(0.9, 0.99), eps=1e-6)
    for (values, _, _), gradient in zip(states[1:], gradients, strict=True):
        decaying.grad, other.grad = torch.tensor(gradient[:3]), torch.tensor(gradient[3:])
        optimizer.step()
        np.testing.assert_allclose(values[:3], decaying.detach(), rtol=1e-12)
        np.testing.assert_allclose(values[3:], other.detach(), rtol=1e-12)
