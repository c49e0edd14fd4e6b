from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minilm.gradient_check import gradcheck
from minilm.reference import softmax_cross_entropy as ce

LOGITS = 2 * np.random.default_rng(0).standard_normal((5, 4))
TARGETS = np.array([2, 0, -100, 3, 2])
WEIGHTS = np.array([1.0, 0.3, 9.0, 2.0, 0.0])


@settings(max_examples=40)
@given(
    n_rows=st.integers(1, 5),
    n_vocab=st.integers(1, 6),
    weighted=st.booleans(),
    label_smoothing=st.sampled_from([0.0, 0.1, 1.0]),
    z_loss=st.sampled_from([0.0, 0.2]),
    normalizer=st.sampled_from([None, 3.0]),
    seed=st.integers(0, 2**32),
)
def test_gradients(n_rows, n_vocab, weighted, label_smoothing, z_loss, normalizer, seed):
    rng = np.random.default_rng(seed)
    logits = 2 * rng.standard_normal((n_rows, n_vocab))
    targets = rng.integers(0, n_vocab, n_rows)
    targets[rng.random(n_rows) < 0.3] = -100
    kwargs = {
        "weights": rng.uniform(0, 2, n_rows) if weighted else None,
        "label_smoothing": label_smoothing,
        "z_loss": z_loss,
        "normalizer": normalizer,
    }
    report = gradcheck(ce.forward, ce.backward, (logits, targets), kwargs=kwargs, seed=seed)
    assert report.ok, f"\n{report}"


def by_loops(logits, targets, weights, ignore_index, smoothing, z_loss, normalizer):
    total, weight_sum = 0.0, 0.0
    for row, target, weight in zip(logits.tolist(), targets, weights, strict=True):
        if target == ignore_index:
            continue
        lse = math.log(math.fsum(map(math.exp, row)))
        uniform = math.fsum(lse - logit for logit in row) / len(row)
        surprise = (1 - smoothing) * (lse - row[target]) + smoothing * uniform
        total += weight * (surprise + z_loss * lse**2)
        weight_sum += weight
    return total / (weight_sum if normalizer is None else normalizer)


@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize("ignore_index", [-100, 2])
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@pytest.mark.parametrize("z_loss", [0.0, 0.1])
@pytest.mark.parametrize("normalizer", [None, 2.5])
def test_against_loops(weights, ignore_index, smoothing, z_loss, normalizer):
    targets = np.where(TARGETS == -100, ignore_index, TARGETS)
    loss, _ = ce.forward(
        LOGITS,
        targets,
        weights,
        ignore_index=ignore_index,
        label_smoothing=smoothing,
        z_loss=z_loss,
        normalizer=normalizer,
    )
    ones = np.ones(5) if weights is None else weights
    expected = by_loops(LOGITS, targets, ones, ignore_index, smoothing, z_loss, normalizer)
    assert type(loss) is float
    assert loss == pytest.approx(expected, rel=1e-12)


def test_saved_nll_is_plain_and_unweighted():
    _, saved = ce.forward(LOGITS, TARGETS, WEIGHTS, label_smoothing=0.2, z_loss=0.1, normalizer=7.0)
    p = np.exp(LOGITS) / np.exp(LOGITS).sum(axis=1, keepdims=True)
    expected = [0.0 if t == -100 else -math.log(p[i, t]) for i, t in enumerate(TARGETS)]
    np.testing.assert_allclose(saved.nll, expected, rtol=1e-12)
    assert saved.nll.shape == (5,)


def test_knowing_nothing_costs_log_v():
    loss, _ = ce.forward(np.full((3, 65), 1.7), np.array([0, 13, 64]))
    assert loss == pytest.approx(math.log(65), rel=1e-14)


def test_parts_of_a_batch_add_up():
    options = {"label_smoothing": 0.1, "z_loss": 0.1, "normalizer": 3.3}
    loss, saved = ce.forward(LOGITS, TARGETS, WEIGHTS, **options)
    dlogits = ce.backward(2.0, saved)
    parts = [
        ce.forward(LOGITS[part], TARGETS[part], WEIGHTS[part], **options)
        for part in (slice(0, 2), slice(2, 5))
    ]
    assert sum(part[0] for part in parts) == pytest.approx(loss, rel=1e-13)
    gradients = np.concatenate([ce.backward(2.0, part[1]) for part in parts])
    np.testing.assert_allclose(gradients, dlogits, rtol=1e-13)


def test_ignored_rows_may_hold_anything():
    logits = LOGITS.copy()
    logits[2] = [np.nan, np.inf, -np.inf, 1e300]
    with np.errstate(all="raise", under="ignore"):
        loss, saved = ce.forward(logits, TARGETS, z_loss=0.1, label_smoothing=0.1)
        dlogits = ce.backward(1.0, saved)
    clean_loss, clean = ce.forward(LOGITS, TARGETS, z_loss=0.1, label_smoothing=0.1)
    assert loss == clean_loss
    assert np.array_equal(dlogits, ce.backward(1.0, clean))
    assert not dlogits[2].any()
    assert saved.nll[2] == 0


@pytest.mark.parametrize(("targets", "weights"), [(np.full(5, -100), None), (TARGETS, np.zeros(5))])
def test_nothing_to_predict(targets, weights):
    with np.errstate(all="raise"):
        loss, saved = ce.forward(LOGITS, targets, weights, z_loss=0.1)
        assert loss == 0
        assert not ce.backward(1.0, saved).any()


def test_backward_may_overwrite_the_logits():
    options = {"label_smoothing": 0.1, "z_loss": 0.1}
    logits = LOGITS.copy()
    _, saved = ce.forward(logits, TARGETS, WEIGHTS, **options)
    expected = ce.backward(0.7, saved)
    assert np.array_equal(logits, LOGITS)
    assert ce.backward(0.7, saved, out=logits) is logits
    assert np.array_equal(logits, expected)


def test_rows_of_the_gradient_sum_to_zero_without_z_loss():
    _, saved = ce.forward(LOGITS, TARGETS, label_smoothing=0.4)
    np.testing.assert_allclose(ce.backward(1.0, saved).sum(axis=1), 0, atol=1e-15)


@pytest.mark.parametrize("offset", [1e4, -1e4])
def test_extremes(offset):
    logits = np.array([[0, 10, -3], [1e4, 0, -1e4]], np.float32) + np.float32(offset)
    with np.errstate(all="raise", under="ignore"):
        loss, saved = ce.forward(logits, np.array([0, 0]), z_loss=1e-4, label_smoothing=0.1)
        dlogits = ce.backward(1.0, saved)
    assert math.isfinite(loss)
    assert np.isfinite(dlogits).all()
    np.testing.assert_allclose(saved.nll, [10 + math.log1p(math.exp(-10)), 0], rtol=1e-6)


def test_float32_keeps_a_small_surprise():
    # lse - logit would round both to multiples of 6e-5 here; the surprise is 4.5e-5.
    logits = np.array([[1000, 990]], np.float32)
    _, saved = ce.forward(logits, np.array([0]))
    np.testing.assert_allclose(saved.nll, math.log1p(math.exp(-10)), rtol=1e-6)


def test_impossible_classes():
    logits = np.array([[0.0, -np.inf, 1.0]])
    loss, saved = ce.forward(logits, np.array([0]))
    assert loss == pytest.approx(math.log1p(math.e))
    np.testing.assert_allclose(
        ce.backward(1.0, saved), [[1 / (1 + math.e) - 1, 0, math.e / (1 + math.e)]]
    )


def test_float64_weights_do_not_widen_float32():
    loss, saved = ce.forward(LOGITS.astype(np.float32), TARGETS, WEIGHTS, z_loss=0.1)
    assert type(loss) is float
    arrays = saved.coefficient, saved.nll, ce.backward(1.0, saved)
    assert {array.dtype for array in arrays} == {np.dtype(np.float32)}
    assert saved.lse.dtype == np.float64


@pytest.mark.parametrize("bad", [4, -1, -99])
def test_targets_outside_the_vocabulary(bad):
    targets = TARGETS.copy()
    targets[3] = bad
    with pytest.raises(IndexError, match=rf"target {bad} of row 3 .* 0\.\.3"):
        ce.forward(LOGITS, targets)


@pytest.mark.oracle
@pytest.mark.parametrize("smoothing", [0.0, 0.25])
def test_against_torch(smoothing):
    torch = pytest.importorskip("torch")
    logits = torch.tensor(LOGITS, requires_grad=True)
    expected = torch.nn.functional.cross_entropy(
        logits, torch.tensor(TARGETS), label_smoothing=smoothing
    )
    expected = expected + 0.1 * (torch.logsumexp(logits[TARGETS != -100], dim=1) ** 2).mean()
    (expected * 1.7).backward()
    loss, saved = ce.forward(LOGITS, TARGETS, label_smoothing=smoothing, z_loss=0.1)
    assert loss == pytest.approx(expected.item(), rel=1e-13)
    np.testing.assert_allclose(ce.backward(1.7, saved), logits.grad, rtol=1e-10, atol=1e-15)
