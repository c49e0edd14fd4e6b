from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minilm.gradient_check import gradcheck
from minilm.reference import embedding

size = st.integers(1, 5)


@settings(max_examples=25)
@given(st.lists(st.integers(0, 5), max_size=2), size, size, st.integers(0, 2**32))
def test_gradients(shape, n_rows, n_channels, seed):
    rng = np.random.default_rng(seed)
    ids = np.asarray(rng.integers(0, n_rows, shape))  # few rows: most ids repeat
    args = (ids, rng.standard_normal((n_rows, n_channels)))
    report = gradcheck(embedding.forward, embedding.backward, args, seed=seed)
    assert report.ok, f"\n{report}"


@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.uint16, np.uint8])
def test_against_loops(dtype):
    rng = np.random.default_rng(0)
    ids = np.array([[3, 0, 3], [3, 5, 0]], dtype=dtype)
    weight, dy = rng.standard_normal((7, 4)), rng.standard_normal((2, 3, 4))
    y, saved = embedding.forward(ids, weight)
    dweight = embedding.backward(dy, saved)
    expected = np.zeros((7, 4))
    for b in range(2):
        for t in range(3):
            assert np.array_equal(y[b, t], weight[ids[b, t]])
            expected[ids[b, t]] += dy[b, t]
    np.testing.assert_allclose(dweight, expected, rtol=1e-14)
    assert not dweight[[1, 2, 4, 6]].any()


def test_out_is_added_into_and_returned():
    rng = np.random.default_rng(1)
    ids, dy = np.array([1, 1, 4]), rng.standard_normal((3, 2))
    _, saved = embedding.forward(ids, np.zeros((5, 2)))
    before = rng.standard_normal((5, 2))
    out = before.copy()
    assert embedding.backward(dy, saved, out=out) is out
    np.testing.assert_allclose(out, before + embedding.backward(dy, saved), rtol=1e-14)


def test_out_may_be_a_view():
    arena = np.zeros(20)
    _, saved = embedding.forward(np.array([0, 3, 3]), np.zeros((4, 3)))
    embedding.backward(np.ones((3, 3)), saved, out=arena[4:16].reshape(4, 3))
    assert arena[4:16].tolist() == [1, 1, 1, 0, 0, 0, 0, 0, 0, 2, 2, 2]
    assert not arena[:4].any()
    assert not arena[16:].any()


@pytest.mark.parametrize("bad", [-1, 5, -100])
def test_ids_outside_the_table(bad):
    with pytest.raises(IndexError, match=rf"{bad}.*the table has rows 0\.\.4"):
        embedding.forward(np.array([0, bad, 2]), np.zeros((5, 2)))


def test_no_ids():
    y, saved = embedding.forward(np.zeros((0, 3), np.int64), np.ones((5, 2)))
    assert y.shape == (0, 3, 2)
    assert not embedding.backward(y, saved).any()


@pytest.mark.oracle
def test_against_torch():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(2)
    ids, array = rng.integers(0, 4, (3, 5)), rng.standard_normal((4, 2))
    dy = rng.standard_normal((3, 5, 2))
    weight = torch.tensor(array, requires_grad=True)
    expected = torch.nn.functional.embedding(torch.tensor(ids), weight)
    expected.backward(torch.tensor(dy))
    y, saved = embedding.forward(ids, array)
    np.testing.assert_array_equal(y, expected.detach())
    np.testing.assert_allclose(embedding.backward(dy, saved), weight.grad, rtol=1e-12)
