from __future__ import annotations

import numpy as np

from minilm.nn.embedding import Embedding
from minilm.nn.linear import Linear, TiedLinear
from minilm.nn.parameters import Parameters, Scope

NORMAL = np.random.default_rng(0).standard_normal


def test_there_is_a_bias_unless_told():
    scope = Scope()
    Linear(scope / "plain", 2, 3)
    Linear(scope / "bare", 2, 3, bias=False)
    parameters = Parameters(scope.declared)
    assert [p.name for p in parameters] == ["plain.weight", "plain.bias", "bare.weight"]
    assert [p.decay for p in parameters] == [True, False, True]


def test_a_tied_head_with_a_bias():
    scope = Scope()
    table = Embedding(scope / "tokens", 5, 3).weight
    plain, head = TiedLinear(table), TiedLinear(table, scope / "head")
    parameters = Parameters(scope.declared, np.float64)
    assert plain.bias is None
    assert [p.name for p in parameters] == ["tokens.weight", "head.bias"]
    assert not head.bias.value.any()
    assert not head.bias.decay

    head.bias.value[...] = NORMAL(5)
    x, dy = NORMAL((2, 4, 3)), NORMAL((2, 4, 5))
    logits, saved = head.forward(x)
    np.testing.assert_allclose(logits, x @ table.value.T + head.bias.value, rtol=1e-12)
    dx = head.backward(dy, saved)
    np.testing.assert_allclose(dx, dy @ table.value, rtol=1e-12)
    np.testing.assert_allclose(head.bias.grad, dy.sum(axis=(0, 1)), rtol=1e-12)
    np.testing.assert_allclose(table.grad, np.einsum("btv,btc->vc", dy, x), rtol=1e-12)
