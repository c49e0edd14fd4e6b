from __future__ import annotations

import cmath

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minilm.gradient_check import gradcheck
from minilm.reference import rope

size = st.integers(1, 4)


def turn(x, start=0, base=10000.0, n_channel=None, scale=1.0):
    """y and saved, with tables for x's own positions and, by default, all its channels."""
    frequencies = rope.frequencies(n_channel or x.shape[-1], base)
    cos, sin = rope.tables(frequencies, x.shape[-2], start, scale, x.dtype)
    return rope.forward(x, cos, sin)


@settings(max_examples=25)
@given(size, size, size, size, st.integers(0, 3), st.integers(0, 100), st.integers(0, 2**32))
def test_gradients(n_batch, n_head, n_positions, n_pairs, n_still, start, seed):
    generator = np.random.default_rng(seed)
    x = generator.standard_normal((n_batch, n_head, n_positions, 2 * n_pairs + n_still))
    cos, sin = rope.tables(rope.frequencies(2 * n_pairs, 50.0), n_positions, start, scale=1.2)
    kwargs = {"cos": cos, "sin": sin}
    report = gradcheck(rope.forward, rope.backward, [x], kwargs=kwargs, seed=seed)
    assert report.ok, f"\n{report}"


def test_against_complex_numbers():
    x = np.random.default_rng(0).standard_normal((2, 3, 4, 6))
    y, _ = turn(x, start=5, base=100.0)
    for b, h, t, i in np.ndindex(2, 3, 4, 3):
        angle = (5 + t) * 100.0 ** (-2 * i / 6)
        expected = complex(x[b, h, t, i], x[b, h, t, i + 3]) * cmath.exp(1j * angle)
        assert complex(y[b, h, t, i], y[b, h, t, i + 3]) == pytest.approx(expected, rel=1e-13)


def test_the_channels_beyond_the_tables_stay():
    x = np.random.default_rng(1).standard_normal((1, 2, 3, 7))
    y, saved = turn(x, n_channel=4)
    np.testing.assert_array_equal(y[..., 4:], x[..., 4:])
    np.testing.assert_array_equal(y[..., :4], turn(x[..., :4])[0])
    np.testing.assert_array_equal(rope.backward(x, saved)[..., 4:], x[..., 4:])


def test_frequencies_and_tables():
    np.testing.assert_allclose(rope.frequencies(4), [1, 1 / 100], rtol=1e-14)
    cos, sin = rope.tables(np.array([1.0, 0.5]), 2, start=3, scale=2.0)
    np.testing.assert_allclose(cos, 2 * np.cos([[3, 1.5], [4, 2]]), rtol=1e-14)
    np.testing.assert_allclose(sin, 2 * np.sin([[3, 1.5], [4, 2]]), rtol=1e-14)


def test_tables_begin_at_the_first_position_and_are_not_scaled_unless_told():
    frequencies = rope.frequencies(4)
    plain, explicit = rope.tables(frequencies, 3), rope.tables(frequencies, 3, start=0, scale=1.0)
    np.testing.assert_array_equal(plain, explicit)


def test_the_first_position_stays():
    x = np.random.default_rng(1).standard_normal((1, 1, 3, 4))
    y, _ = turn(x)
    np.testing.assert_array_equal(y[:, :, 0], x[:, :, 0])
    assert not np.allclose(y[:, :, 1], x[:, :, 1])


def test_scalar_products_depend_on_the_distance_only():
    normal = np.random.default_rng(2).standard_normal
    q, k = normal((1, 1, 1, 8)), normal((1, 1, 1, 8))

    def product(position_q, position_k):
        return float(np.sum(turn(q, start=position_q)[0] * turn(k, start=position_k)[0]))

    assert product(3, 1) == pytest.approx(product(103, 101), rel=1e-12)
    assert product(3, 1) != pytest.approx(product(1, 3), rel=1e-2)


def test_start_continues_a_longer_sequence():
    x = np.random.default_rng(3).standard_normal((1, 2, 7, 4))
    whole = turn(x)[0]
    np.testing.assert_array_equal(turn(x[:, :, 4:], start=4)[0], whole[:, :, 4:])


def test_float32_is_exact_at_far_positions():
    x = np.random.default_rng(4).standard_normal((1, 1, 2, 8)).astype(np.float32)
    y, saved = turn(x, start=100_000)
    exact, _ = turn(x.astype(np.float64), start=100_000)
    assert y.dtype == saved.cos.dtype == saved.sin.dtype == np.float32
    np.testing.assert_allclose(y, exact, atol=1e-6)


def test_a_view_of_a_fused_array():
    fused = np.random.default_rng(5).standard_normal((2, 3, 4 * 6))  # (B, T, H * D)
    x = fused.reshape(2, 3, 4, 6).transpose(0, 2, 1, 3)
    y, saved = turn(x)
    y_copy, saved_copy = turn(x.copy())
    np.testing.assert_array_equal(y, y_copy)
    np.testing.assert_array_equal(rope.backward(x, saved), rope.backward(x.copy(), saved_copy))


def test_tables_that_do_not_fit():
    with pytest.raises(ValueError, match="5 is odd"):
        rope.frequencies(5)
    cos, sin = rope.tables(rope.frequencies(4), 2)
    with pytest.raises(ValueError, match="do not fit"):
        rope.forward(np.ones((1, 1, 2, 3)), cos, sin)
    with pytest.raises(ValueError, match="do not fit"):
        rope.forward(np.ones((1, 1, 3, 4)), cos, sin)


@pytest.mark.oracle
def test_against_torch():
    torch = pytest.importorskip("torch")
    normal = np.random.default_rng(6).standard_normal
    array, dy = normal((2, 3, 5, 8)), normal((2, 3, 5, 8))
    x = torch.tensor(array, requires_grad=True)
    inverse_frequency = 1.0 / 10000.0 ** (torch.arange(0, 8, 2, dtype=torch.float64) / 8)
    angle = torch.outer(torch.arange(5, dtype=torch.float64), inverse_frequency)
    angle = torch.cat([angle, angle], dim=-1)
    halves_swapped = torch.cat([-x[..., 4:], x[..., :4]], dim=-1)
    expected = x * angle.cos() + halves_swapped * angle.sin()
    expected.backward(torch.tensor(dy))
    y, saved = turn(array)
    np.testing.assert_allclose(y, expected.detach(), rtol=1e-11, atol=1e-14)
    np.testing.assert_allclose(rope.backward(dy, saved), x.grad, rtol=1e-11, atol=1e-14)
