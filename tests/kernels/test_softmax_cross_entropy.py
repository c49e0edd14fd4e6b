from __future__ import annotations

import itertools
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minilm.kernels import softmax_cross_entropy
from minilm.reference import softmax_cross_entropy as reference


@settings(max_examples=60)
@given(
    st.integers(1, 9),
    st.sampled_from([1, 2, 3, 4, 5, 8, 15, 65, 300]),
    st.sampled_from([0.0, 0.2, 1.0]),
    st.sampled_from([0.0, 0.03]),
    st.booleans(),
    st.sampled_from([(np.float64, 1e-13), (np.float32, 3e-6)]),
    st.integers(0, 2**32),
)
def test_equals_the_reference(n_rows, n_classes, smoothing, z_loss, weighted, kind, seed):
    generator = np.random.default_rng(seed)
    dtype, tolerance = kind
    logits = (20 * generator.standard_normal((n_rows, n_classes))).astype(dtype)
    targets = generator.integers(0, n_classes, n_rows)
    targets = np.where(generator.random(n_rows) < 0.2, -100, targets)
    weights = generator.random(n_rows) if weighted else None
    options = {"label_smoothing": smoothing, "z_loss": z_loss}
    loss, saved = softmax_cross_entropy.forward(logits, targets, weights, **options)
    wanted, expected = reference.forward(logits, targets, weights, **options)
    assert loss == pytest.approx(wanted, rel=10 * tolerance, abs=1e-30)
    pairs = [
        (saved.lse, expected.lse),
        (saved.nll, expected.nll),
        (softmax_cross_entropy.backward(1.3, saved), reference.backward(1.3, expected)),
    ]
    assert [a.dtype for a, _ in pairs] == [np.float64, dtype, dtype]
    for a, b in pairs:
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * max(np.abs(b).max(), 0.01))


@pytest.mark.parametrize("n_classes", [511, 512, 513, 1024, 1025, 5000])
def test_every_class_counts(n_classes):
    """Also of a row that is summed in blocks. Equal logits have the loss log V."""
    logits, targets = np.zeros((3, n_classes), np.float32), np.array([0, n_classes - 1, 7])
    loss, saved = softmax_cross_entropy.forward(logits, targets, label_smoothing=0.1)
    assert loss == pytest.approx(np.log(n_classes), rel=1e-7)
    np.testing.assert_allclose(saved.lse, np.log(n_classes), rtol=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_classes", [1, 2, 3, 4, 5, 8, 9, 11])
def test_the_largest_logit_is_found_wherever_it_is(n_classes, dtype):
    # Relative to any other logit, the exponent of this one would overflow.
    rising = np.linspace(-2e3, -1e3, 2 * n_classes)
    for place, others in itertools.product(range(n_classes), (rising, rising[::-1], rising[:1])):
        logits = np.resize(others, (2, n_classes)).astype(dtype)
        logits[:, place] += 2e3
        logits[1] += 1e4
        targets = np.array([place, n_classes - 1])
        loss, saved = softmax_cross_entropy.forward(logits, targets)
        wanted, expected = reference.forward(logits, targets)
        assert loss == pytest.approx(wanted, rel=1e-6)
        np.testing.assert_allclose(saved.lse, expected.lse, rtol=1e-6)
        np.testing.assert_allclose(
            softmax_cross_entropy.backward(1.0, saved), reference.backward(1.0, expected), atol=1e-6
        )


def test_backward_in_place_needs_no_second_array():
    logits, targets = large()
    _, saved = softmax_cross_entropy.forward(logits, targets)
    softmax_cross_entropy.backward(1.0, saved, np.empty_like(logits))  # compiled by now
    tracemalloc.start()
    softmax_cross_entropy.backward(1.0, saved, logits)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < logits.nbytes / 2


def large():
    generator = np.random.default_rng(0)
    logits = generator.standard_normal((900, 67)).astype(np.float32)
    targets = generator.integers(0, 67, 900)
    targets[::7] = -100
    return logits, targets


def test_out_may_be_the_logits():
    logits, targets = large()
    _, saved = softmax_cross_entropy.forward(logits, targets)
    expected = softmax_cross_entropy.backward(0.5, saved)
    other = np.empty_like(logits)
    assert softmax_cross_entropy.backward(0.5, saved, other) is other
    assert softmax_cross_entropy.backward(0.5, saved, logits) is logits
    np.testing.assert_array_equal(other, expected)
    np.testing.assert_array_equal(logits, expected)


def test_out_in_memory_that_overlaps_the_logits():
    memory = np.random.default_rng(0).standard_normal((6, 5))
    logits, targets = memory[:4], np.array([0, 1, 2, 3])
    _, saved = softmax_cross_entropy.forward(logits, targets)
    expected = softmax_cross_entropy.backward(1.0, saved)
    for out in (memory[1:5], memory[:4][:, ::-1]):
        memory[:4] = memory[:4].copy()
        fresh = saved._replace(logits=memory[:4])
        keep = memory.copy()
        np.testing.assert_allclose(softmax_cross_entropy.backward(1.0, fresh, out), expected)
        memory[:] = keep


def test_a_probability_near_one_keeps_its_digits():
    logits = np.array([[30.0, 0.0]], np.float32)
    _, saved = softmax_cross_entropy.forward(logits, np.array([0]))
    assert abs(saved.nll[0] / np.exp(-30) - 1) < 2e-3  # 2^-53 of the sum, which is near 1
    logits = np.array([[1000.0, 993.0]], np.float32)
    _, saved = softmax_cross_entropy.forward(logits, np.array([0]))
    assert saved.nll[0] == pytest.approx(np.log1p(np.exp(-7)), rel=1e-6)


def test_minus_infinity_has_no_probability():
    logits = np.array([[0.0, -np.inf, 1.0, -1e9]], np.float32)
    loss, saved = softmax_cross_entropy.forward(logits, np.array([0]))
    dlogits = softmax_cross_entropy.backward(1.0, saved)
    assert loss == pytest.approx(np.log(1 + np.e), rel=1e-6)
    assert dlogits[0, 1] == dlogits[0, 3] == 0


def test_an_ignored_row_may_hold_anything():
    logits = np.array([[np.nan, np.inf], [0.0, 0.0]])
    loss, saved = softmax_cross_entropy.forward(logits, np.array([-100, 1]))
    assert loss == pytest.approx(np.log(2))
    np.testing.assert_allclose(
        softmax_cross_entropy.backward(1.0, saved), [[0, 0], [0.5, -0.5]], atol=1e-15
    )


def test_a_wrong_target_is_named():
    with pytest.raises(IndexError, match="target 2 of row 1"):
        softmax_cross_entropy.forward(np.zeros((2, 2)), np.array([0, 2]))
