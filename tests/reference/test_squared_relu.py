from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from minilm.gradient_check import gradcheck
from minilm.reference import squared_relu


@settings(max_examples=25)
@given(st.lists(st.integers(1, 4), max_size=3), st.integers(0, 2**32))
def test_gradients(shape, seed):
    rng = np.random.default_rng(seed)
    x = np.asarray(rng.uniform(0.01, 3, shape) * rng.choice([-1, 1], shape))
    report = gradcheck(squared_relu.forward, squared_relu.backward, [x], seed=seed)
    assert report.ok, f"\n{report}"


def test_known_values():
    y, saved = squared_relu.forward(np.array([-2.0, 0.0, 1.5, 3.0]))
    assert y.tolist() == [0, 0, 2.25, 9]
    dx = squared_relu.backward(np.array([5.0, 5.0, 5.0, -1.0]), saved)
    assert dx.tolist() == [0, 0, 15, -6]


def test_nan_is_not_hidden():
    y, saved = squared_relu.forward(np.array([np.nan]))
    assert np.isnan(y).all()
    assert np.isnan(squared_relu.backward(np.ones(1), saved)).all()
