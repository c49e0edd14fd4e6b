from __future__ import annotations

import numpy as np
import pytest

from minilm.nn.norm import LayerNorm, RMSNorm, make_norm
from minilm.nn.parameters import Parameters, Scope

X = 0.01 * np.random.default_rng(0).standard_normal((3, 5))  # small beside the root of eps


def made(kind, **options):
    scope = Scope()
    norm = kind(scope, 5, **options)
    return norm, Parameters(scope.declared, np.float64)


@pytest.mark.parametrize(("options", "eps"), [({}, 1e-5), ({"eps": 1e-3}, 1e-3)])
def test_in_the_beginning_a_norm_only_normalises(options, eps):
    norm, parameters = made(LayerNorm, **options)
    assert [p.name for p in parameters] == ["weight", "bias"]
    expected = (X - X.mean(1, keepdims=True)) / np.sqrt(X.var(1, keepdims=True) + eps)
    np.testing.assert_allclose(norm.forward(X)[0], expected, rtol=1e-10)

    norm, parameters = made(RMSNorm, **options)
    assert [p.name for p in parameters] == ["weight"]
    expected = X / np.sqrt(np.mean(X**2, 1, keepdims=True) + eps)
    np.testing.assert_allclose(norm.forward(X)[0], expected, rtol=1e-10)
    assert not any(p.decay for p in parameters)


def test_a_norm_by_name():
    for kind, bias, names in (
        ("layer_norm", True, ["weight", "bias"]),
        ("layer_norm", False, ["weight"]),
        ("rms_norm", True, ["weight"]),
    ):
        scope = Scope()
        norm = make_norm(kind, scope, 5, bias=bias, eps=0.25)
        assert [p.name for p in scope.declared] == names
        assert isinstance(norm, LayerNorm if kind == "layer_norm" else RMSNorm)
        assert norm.eps == 0.25
