from __future__ import annotations

import numpy as np
import pytest

from minilm import rng
from minilm.nn.dropout import Dropout
from minilm.nn.linear import Linear
from minilm.nn.parameters import Parameters, Scope
from minilm.reference import dropout as operation

X = np.random.default_rng(0).standard_normal((4, 50))


def test_with_a_key_the_mask_of_this_site():
    layer, key = Dropout(0.3, "blocks.0.mlp.output"), 12345
    y, saved = layer.forward(X, key)
    expected, _ = operation.forward(X, 0.3, rng.fold(key, "blocks.0.mlp.output"))
    np.testing.assert_allclose(y, expected, rtol=1e-14)
    np.testing.assert_array_equal(layer.backward(X, saved), y)
    assert 0.1 < np.mean(y == 0) < 0.5


def test_other_sites_and_keys_have_other_masks():
    masks = {
        (Dropout(0.5, site).forward(X, key)[0] == 0).tobytes()
        for site in ("a", "b")
        for key in (0, 1)
    }
    assert len(masks) == 4


@pytest.mark.parametrize(("p", "key"), [(0.3, None), (0.0, 7), (0.0, None)])
def test_without_a_key_or_a_probability_nothing_happens(p, key):
    layer = Dropout(p, "site")
    y, saved = layer.forward(X, key)
    assert y is X
    assert layer.backward(X, saved) is X


@pytest.mark.parametrize("p", [0.0, 0.4])
@pytest.mark.parametrize("onto", [None, X[:, :3]])
def test_after_a_linear_map_and_onto_what_is_there(p, onto):
    scope = Scope()
    linear = Linear(scope / "map", 50, 3, std=1.0)
    Parameters(scope.declared, np.float64)
    linear.weight.value[...] = X.T[:, :3]
    layer = Dropout(p, "site")
    y, s_linear, s_dropout = layer.after(linear, X, 7, onto)
    expected, _ = layer.forward(linear.forward(X)[0], 7)
    np.testing.assert_allclose(y, expected + (0 if onto is None else onto), rtol=1e-12)
    assert (s_dropout is None) == (p == 0)
    assert s_linear.x is X
