"""The layer against the operations it is made of, called one by one."""

from __future__ import annotations

import numpy as np
import pytest

from minilm import rng
from minilm.nn.attention import Attention, AttentionOptions
from minilm.nn.parameters import Parameters, Scope
from minilm.nn.rotary import Rotary
from minilm.reference import attention, dropout, rms_norm, rope

B, T, C, H, K, D = 2, 5, 12, 4, 2, 4
X = np.random.default_rng(0).standard_normal((B, T, C))
MASK = np.array([[True, True, True, False, True], [False, True, True, True, True]])


def made(**options):
    scope = Scope() / "blocks" / "0" / "attention"
    options = AttentionOptions(n_head=H, n_kv_head=K, head_size=D, **options)
    layer = Attention(scope, C, options, residual_std=0.01)
    parameters = Parameters(scope.declared, np.float64)
    noise = np.random.default_rng(1)
    for p in parameters:
        p.value[...] += noise.normal(0, 0.3, p.shape)
    return layer, parameters


def by_hand(parameters, options, key=None, key_mask=None):
    value = {p.name.removeprefix("blocks.0.attention."): p.value for p in parameters}
    qkv = (X @ value["qkv.weight"] + value["qkv.bias"]).reshape(B, T, H + 2 * K, D)
    q, k, v = (part.transpose(0, 2, 1, 3) for part in np.split(qkv, [H, H + K], axis=2))
    if options.qk_norm:
        q = rms_norm.forward(q, value["query_norm.weight"], options.norm_eps)[0]
        k = rms_norm.forward(k, value["key_norm.weight"], options.norm_eps)[0]
    if options.rotary:
        cos, sin = options.rotary.tables(0, T, np.float64)
        q, k = rope.forward(q, cos, sin)[0], rope.forward(k, cos, sin)[0]
    p = 0.0 if key is None else options.dropout
    weights_key = rng.fold(key, "blocks.0.attention.weights") if p else None
    y, _ = attention.forward(
        q, k, v, causal=options.causal, key_mask=key_mask, dropout=p, key=weights_key
    )
    y = y.transpose(0, 2, 1, 3).reshape(B, T, H * D)
    y = y @ value["projection.weight"] + value["projection.bias"]
    return dropout.forward(y, p, rng.fold(key, "blocks.0.attention.output"))[0] if p else y


@pytest.mark.parametrize("key", [None, 77])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"causal": False},
        {"rotary": Rotary(4)},
        {"rotary": Rotary(2, base=50.0), "qk_norm": True, "norm_eps": 0.1},
        {"dropout": 0.4},
    ],
    ids=str,
)
def test_made_of_these_operations(options, key):
    layer, parameters = made(**options)
    y, saved = layer.forward(X, key=key, key_mask=MASK)
    expected = by_hand(parameters, layer.options, key, MASK)
    np.testing.assert_allclose(y, expected, rtol=1e-10, atol=1e-12)
    if layer.options.rotary:
        np.testing.assert_array_equal(saved.query_rope.cos[0], 1)
        assert saved.key_rope.cos is saved.query_rope.cos


def test_dropout_is_off_without_a_key_and_both_of_its_places_differ_with_one():
    layer, _ = made(dropout=0.5)
    plain = layer.forward(X)[0]
    np.testing.assert_array_equal(plain, layer.forward(X)[0])
    dropped, saved = layer.forward(X, key=3)
    assert saved.attention.dropout == 0.5
    assert saved.attention.key != saved.dropout.key
    assert 0.3 < np.mean(dropped == 0) < 0.7
    assert not np.array_equal(dropped, layer.forward(X, key=4)[0])
