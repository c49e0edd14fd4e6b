"""AdamW where averages or gradients are zero, denormal or huge, at the first and the millionth
step: both twins in both precisions, against the formulas in 100 digits."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

from tests.extremes.digits import MP, close, every_side, mpf, sqrt

USUAL = {"learning_rate": 1e-3, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.1}
SMALLEST = {np.float32: 2.0**-149, np.float64: 2.0**-1074}
# Its square is beyond the dtype, a thousandth of its square is not.
LARGE = {np.float32: 2.0**66, np.float64: 2.0**514}


def stepped(state, step, learning_rate, beta1, beta2, eps, weight_decay):
    """The new values, m and v."""
    values, g, m, v = map(mpf, state)
    learning_rate, beta1, beta2 = map(MP.mpf, (learning_rate, beta1, beta2))
    m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g * g
    m_hat, v_hat = m / (1 - beta1**step), v / (1 - beta2**step)
    change = m_hat / (sqrt(v_hat) + MP.mpf(eps)) + MP.mpf(weight_decay) * values
    return values - learning_rate * change, m, v


def states(dtype):
    """values, gradients, m and v, each with what it stands for."""
    tiny, large = SMALLEST[dtype], LARGE[dtype]
    return {
        "no gradient yet": (0.5, 0.0, 0.0, 0.0),
        "no gradient any more": (0.5, 0.0, 3 * tiny, 5 * tiny),
        "v near zero": (0.5, 0.0, 2.0**-70, 7 * tiny),
        "denormal gradient": (0.5, -3 * tiny, 0.0, 0.0),
        "denormal square": (0.5, 1.5 * tiny**0.5, 0.0, 0.0),
        "large gradient": (-0.5, large, 0.0, 0.0),
        "large gradient after small ones": (-0.5, -large, 2.0**-20, 2.0**-40),
        "small gradient after large ones": (-0.5, 2.0**-20, 2.0**20, 2.0**40),
        "denormal value": (9 * tiny, 0.25, 0.125, 0.0625),
        "huge value": (large, 0.25, 0.125, 0.0625),
        "a zero of each sign": (-0.0, 0.0, -0.0, 0.0),
    }


@every_side
@pytest.mark.parametrize(
    ("step", "options"),
    [(1, {}), (2, {}), (10**6, {}), (7, {"beta1": 0.0, "beta2": 0.0}), (7, {"beta2": 0.25})],
    ids=["first", "second", "millionth", "no memory", "short memory"],
)
def test_one_step(step, options, twin, dtype):
    operation = importlib.import_module(f"minilm.{twin}.adamw")
    options = {**USUAL, **options}
    before = np.array(list(states(dtype).values())).T.astype(dtype)
    if step == 7:  # with no memory for the past, v itself would be beyond the dtype
        before = before[:, np.abs(before[1]) < 2]
    values, gradients, m, v = (x.copy() for x in before)
    operation.step(values, gradients, m, v, step=step, n_decay=len(values), **options)
    wanted_values, wanted_m, wanted_v = stepped(before, step, **options)
    np.testing.assert_array_equal(gradients, before[1])
    close(m, wanted_m, ulps=2, each=True)
    close(v, wanted_v, ulps=4, each=True)
    # v below the normal numbers has lost digits, and m / sqrt(v) with them: half of `tiny`.
    lost = np.where(wanted_v > 2**12 * np.finfo(dtype).smallest_normal, 0, 1)
    # 1 - beta2^2 is 0.002, and in float64 has lost nine bits.
    ulps = 64 if dtype is np.float64 else 2
    close(values[lost == 0], wanted_values[lost == 0], ulps=ulps, each=True)
    close(values[lost == 1], wanted_values[lost == 1], ulps=2, size=1)


@every_side
def test_averages_over_a_thousand_steps_are_not_biased(twin, dtype):
    operation = importlib.import_module(f"minilm.{twin}.adamw")
    rng = np.random.default_rng(0)
    values, m, v = np.zeros((3, 64), dtype)
    exact = np.zeros(64)
    for step in range(1, 4001):
        gradients = rng.standard_normal(64).astype(dtype)
        operation.step(values, gradients, m, v, step=step, n_decay=0, **USUAL)
        exact = 0.999 * exact + 0.001 * gradients.astype(np.float64) ** 2
    # float32(0.999) and float32(0.001) add up to 1 + 1.3e-8: v would be 1.3e-5 too large.
    assert abs(np.mean(v / exact) - 1) < 8 * np.finfo(dtype).eps
