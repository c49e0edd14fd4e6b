"""Logits and scores of +-10,000, rows that are masked, identical or denormal, one class, one
key: both twins in both precisions, against the formulas in 100 digits."""

from __future__ import annotations

import functools
import importlib

import numpy as np
import pytest

from tests.extremes.digits import close, every_side, exact, exp, log, mpf, run, upstream

# Saved as float64, lse is rounded by up to 10,000 * 2^-53 here, and so is every probability.
OF_LSE = {np.float32: 0, np.float64: 5000}

# Rows of scores, each with what it stands for.
ROWS = {
    "large": [1e4, 9999.5, 9997, -1e4, 9990],
    "very negative": [-1e4, -10002, -9999.75, -10003, -10001],
    "one far above": [1e4, -1e4, -1e4, -1e4, -1e4],
    "one far below": [3, 3.5, -1e4, 4, 2],
    "identical": [1e4, 1e4, 1e4, 1e4, 1e4],
    "zeros": [0.0, -0.0, 0.0, -0.0, 0.0],
    "denormal": [2**-149, -(2**-140), 2**-130, 0.0, 2**-149],
    "one allowed": [-np.inf, -np.inf, -1e4, -np.inf, -np.inf],
    "two allowed": [-np.inf, 1e4, -np.inf, 9999, -np.inf],
}


def softmax(x):
    e = exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("row", ROWS)
def test_softmax(row, dtype):
    x = np.array([ROWS[row]])
    for result, wanted in zip(run("reference", "softmax", [x], dtype), _softmax(row), strict=True):
        close(result, wanted, ulps=3)


@functools.cache
def _softmax(row):
    return exact(softmax, [np.array([ROWS[row]])])


def cross_entropy(smoothing, z_loss):
    def formula(logits, targets):
        rows = np.arange(len(targets))
        m = logits.max(axis=-1)
        lse = m + log(exp(logits - m[:, None]).sum(axis=-1))
        nll = lse - logits[rows, targets]
        if smoothing:
            nll = (1 - mpf(smoothing)) * nll + mpf(smoothing) * (lse - logits.mean(axis=-1))
        return (nll + mpf(z_loss) * lse * lse).sum() / len(rows)

    return formula


@functools.cache
def _cross_entropy(row, target, smoothing, z_loss):
    args = [np.array([ROWS[row], ROWS["one far below"]]), np.array([target, 3])]
    return exact(cross_entropy(smoothing, z_loss), args)


@every_side
@pytest.mark.parametrize(("smoothing", "z_loss"), [(0.0, 0.0), (0.125, 2.0**-10)])
@pytest.mark.parametrize("target", [2, 3])
@pytest.mark.parametrize("row", ROWS)
def test_cross_entropy(row, target, smoothing, z_loss, twin, dtype):
    args = [np.array([ROWS[row], ROWS["one far below"]]), np.array([target, 3])]
    options = {"label_smoothing": smoothing, "z_loss": z_loss}
    found = run(twin, "softmax_cross_entropy", args, dtype, **options)
    if -np.inf in (ROWS[row] if smoothing else [ROWS[row][target]]):
        assert found[0] == np.inf  # as it is: something was said to be impossible
        return
    wanted = _cross_entropy(row, target, smoothing, z_loss)
    assert abs(found[0] - wanted[0]) <= 2 * np.finfo(dtype).eps * abs(wanted[0])
    close(found[1], wanted[1], ulps=2 + OF_LSE[dtype])


@every_side
def test_a_sure_prediction_keeps_its_digits(twin, dtype):
    operation = importlib.import_module(f"minilm.{twin}.softmax_cross_entropy")
    logits = np.array([[1e4, 1e4 - 16, -1e4], [-1e4, 0, -12]])
    _, saved = operation.forward(logits.astype(dtype), np.array([0, 1]))
    wanted = log(1 + exp(mpf(np.array([-16.0, -12.0]))))
    # A sum of float32 numbers is near 1 here, and would keep 2^-24 of 1e-7.
    close(saved.nll, wanted, ulps={np.float32: 2, np.float64: 2**24}[dtype], each=True)


@every_side
def test_a_vocabulary_of_one(twin, dtype):
    args = [np.array([[1e4], [-1e4], [0.0]]), np.array([0, 0, 0])]
    loss, dlogits = run(twin, "softmax_cross_entropy", args, dtype)
    assert loss == 0
    assert not dlogits.any()
    loss, dlogits = run(twin, "softmax_cross_entropy", args, dtype, z_loss=0.25)
    assert loss == pytest.approx(0.25 * 2e8 / 3, rel=float(np.finfo(dtype).eps))
    close(dlogits, mpf(np.array([[5e3], [-5e3], [0.0]]) / 3) * mpf(upstream(())), ulps=2)


# T, S and options. Queries and keys are (+-100, a little), so scores are near +-10,000; q . k
# is exact in float32.
ATTENTION = {
    "scores of 10,000": (5, 18, {}),
    "scores of 10,000, few queries": (2, 18, {}),
    "causal": (6, 6, {"causal": True}),
    "causal, queries that see nothing": (6, 3, {"causal": True}),
    "all keys masked": (5, 4, {"key_mask": np.zeros((1, 4), bool)}),
    "scale 0": (5, 18, {"scale": 0.0}),
}


def arguments(name):
    n_query, n_key, options = ATTENTION[name]
    rng = np.random.default_rng(5)
    q, k, v = (rng.integers(-50, 50, (1, 1, n, 2)) / 16 for n in (n_query, n_key, n_key))
    q[..., 0], k[..., 0] = rng.choice([100, 100, -100], (1, 1, n_query)), 100
    k[..., ::3, 0] = -100
    return [q, k, v], {"scale": 1.0, **options}


def attention(causal=False, key_mask=None, scale=1.0):
    def formula(q, k, v):
        e = exp(scale * (q @ k.swapaxes(2, 3)))
        if causal:
            e = e * np.tri(*e.shape[2:], e.shape[3] - e.shape[2], dtype=int)
        if key_mask is not None:
            e = e * key_mask[:, None, None].astype(int)
        total = e.sum(axis=-1, keepdims=True)
        return e / np.where(total == 0, 1, total) @ v

    return formula


@functools.cache
def _attention(name):
    args, options = arguments(name)
    return exact(attention(**options), args)


@every_side
@pytest.mark.parametrize("name", ATTENTION)
def test_attention(name, twin, dtype):
    args, options = arguments(name)
    found = run(twin, "attention", args, dtype, **options)
    # Terms of dq and dk are 100 times the gradients of the scores, and cancel in part.
    for result, wanted, terms in zip(found, _attention(name), (1, 100, 100, 1), strict=True):
        close(result, wanted, ulps=4 + OF_LSE[dtype], size=terms * max(1, np.abs(wanted).max()))


@every_side
@pytest.mark.parametrize("n_query", [2, 5])
def test_attention_to_one_key_is_its_value(n_query, twin, dtype):
    (q, k, v), _ = arguments("scores of 10,000")
    q, mask = q[:, :, :n_query], np.arange(18)[None] == 13
    y, dq, dk, dv = run(twin, "attention", [q, k, v * 2.0**90], dtype, key_mask=mask, scale=1.0)
    np.testing.assert_array_equal(y, np.broadcast_to(v[:, :, 13:14] * 2.0**90, y.shape))
    assert not dq.any()
    assert not dk.any()
    np.testing.assert_array_equal(dv[:, :, 13], upstream(y.shape).sum(axis=2))
    assert not dv[~np.broadcast_to(mask[:, None, :, None], dv.shape)].any()


@every_side
def test_a_large_vocabulary_that_is_all_alike(twin, dtype):
    operation = importlib.import_module(f"minilm.{twin}.softmax_cross_entropy")
    loss, saved = operation.forward(np.full((1, 50_257), 1e4, dtype), np.array([7]))
    eps = float(np.finfo(dtype).eps)
    assert loss == pytest.approx(np.log(50_257), rel=2 * eps)
    dlogits = operation.backward(1.0, saved).astype(np.float64)
    assert dlogits[0, 8] == pytest.approx(1 / 50_257, rel=1e4 * 2.0**-53 + 8 * eps)
    assert dlogits[0, 7] == pytest.approx(1 / 50_257 - 1, rel=eps)


@every_side
@pytest.mark.parametrize("n_query", [3, 70])
def test_large_scores_that_are_rounded(n_query, twin, dtype):
    # Terms of q . k are near 2,500 here, so scores are off by 2^-11 in float32, and with them
    # every probability, whoever computes them.
    rng = np.random.default_rng(1)
    q, k, v = (rng.standard_normal((1, 2, n, 6)) for n in (n_query, 70, 70))
    q[..., 0], k[..., 0] = 71.3, 35.1
    found = run(twin, "attention", [q, k, v], dtype)
    wanted = run("reference", "attention", [q.astype(dtype), k.astype(dtype), v], np.longdouble)
    for result, expected, terms in zip(found, wanted, (1, 71, 71, 1), strict=True):
        error = np.abs(result - expected).max() / max(terms, np.abs(expected).max())
        assert error < 4000 * np.finfo(dtype).eps
