from __future__ import annotations

import subprocess
import sys

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minilm.kernels import attention
from minilm.kernels.attention_few import FEW
from minilm.kernels.attention_head import Head, bands
from minilm.reference import attention as reference


def assert_twins(q, k, v, dy, tolerance, **kwargs):
    y, saved = attention.forward(q, k, v, **kwargs)
    expected_y, expected = reference.forward(q, k, v, **kwargs)
    np.testing.assert_array_equal(np.isinf(saved.lse), np.isinf(expected.lse))
    seen = np.isfinite(expected.lse)
    actual = (y, saved.lse[seen], *attention.backward(dy, saved))
    wanted = (expected_y, expected.lse[seen], *reference.backward(dy, expected))
    for a, b in zip(actual, wanted, strict=True):
        assert a.dtype == b.dtype
        # A gradient that should be zero has no scale of its own. The arguments are of size 1.
        scale = max(np.abs(b).max(initial=0), 1 / (1 - saved.dropout))
        np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * scale)
    assert y.transpose(0, 2, 1, 3).flags.c_contiguous


# Around the widths of tiles (16 keys, 64 lanes) and of vectors, and far from both.
lengths = st.sampled_from([1, 2, 3, 4, 5, 15, 16, 17, 31, 63, 64, 65, 100, 130])


@settings(max_examples=120)
@given(
    st.integers(1, 2),
    st.sampled_from([(1, 1), (2, 1), (2, 2), (6, 2)]),
    lengths,
    lengths,
    st.sampled_from([1, 2, 3, 4, 7, 16, 33, 64, 67, 130]),
    st.booleans(),
    st.sampled_from([None, 0.0, 0.4, 0.9]),
    st.sampled_from([0.0, 0.0, 0.3, 0.9]),
    st.sampled_from([(np.float64, 1e-12), (np.float32, 1e-5)]),
    st.sampled_from([None, None, "few", "any"]),
    st.integers(0, 2**32),
)
def test_equals_the_reference(
    n_batch, heads, n_query, n_key, size, causal, hidden, dropout, kind, bounded, seed
):
    generator = np.random.default_rng(seed)
    dtype, tolerance = kind

    def normal(*shape):
        return generator.standard_normal(shape).astype(dtype)

    mask = None if hidden is None else generator.random((n_batch, n_key)) >= hidden
    q, dy = normal(n_batch, heads[0], n_query, size), normal(n_batch, heads[0], n_query, size)
    k, v = normal(n_batch, heads[1], n_key, size), normal(n_batch, heads[1], n_key, size)
    options = {"causal": causal, "key_mask": mask, "dropout": dropout, "key": seed * 2**31 + 7}
    if bounded:
        # In any order, also beyond the last key; or with long documents, rising.
        first_key = generator.integers(0, n_key + 2, (n_batch, n_query))
        rising = np.sort(first_key // 40 * 40, axis=1)
        options["first_key"] = rising if bounded == "few" else first_key
    assert_twins(q, k, v, dy, tolerance, **options)


def test_zero_is_a_key_of_dropout():
    q, k, v, dy = np.random.default_rng(0).standard_normal((4, 1, 2, 5, 3))
    assert_twins(q, k, v, dy, 1e-12, dropout=0.4, key=0)


def fused(n_query, dtype=np.float64):
    """q, k, v as heads of one (B, T, (H + 2K) D) array, with H = 4 and K = 2."""
    x = np.random.default_rng(0).standard_normal((2, n_query, 8 * 5)).astype(dtype)
    heads = x.reshape(2, n_query, 8, 5).transpose(0, 2, 1, 3)
    return heads[:, :4], heads[:, 4:6], heads[:, 6:]


@pytest.mark.parametrize("n_query", [FEW, 70])
def test_heads_of_a_fused_array(n_query):
    q, k, v = fused(n_query)
    dy = np.random.default_rng(1).standard_normal((2, n_query, 4, 5)).transpose(0, 2, 1, 3)
    assert_twins(q, k, v, dy, 1e-12, causal=True)


@pytest.mark.parametrize("n_query", [FEW, 70])
def test_the_defaults_and_a_scale_of_its_own(n_query):
    q, k, v = fused(n_query)
    dy = np.random.default_rng(1).standard_normal(q.shape)
    assert_twins(q, k, v, dy, 1e-12)
    assert_twins(q, k, v, dy, 1e-12, scale=0.7)


@pytest.mark.parametrize("n_query", [FEW, 70])
def test_every_array_may_have_a_layout_of_its_own(n_query):
    q, k, v = fused(n_query)
    dy = np.random.default_rng(1).standard_normal(q.shape)
    y, saved = attention.forward(q, k, v)
    expected = attention.backward(dy, saved)
    layouts = [
        lambda x: x.copy(),
        lambda x: x.transpose(0, 2, 1, 3).copy().transpose(0, 2, 1, 3),
        lambda x: x.transpose(1, 0, 2, 3).copy().transpose(1, 0, 2, 3),
        lambda x: np.concatenate([x, x], axis=3)[..., :5],
        lambda x: np.concatenate([x, x, x], axis=2)[:, :, :n_query],
        lambda x: np.concatenate([x, x], axis=1)[:, : x.shape[1]],
    ]
    arrays = [
        layout(x)
        for layout, x in zip(layouts, (q, k, v, dy, expected[0], expected[1]), strict=True)
    ]
    dv = np.concatenate([v, v, v], axis=3)[..., 5:10]
    y_again, saved = attention.forward(*arrays[:3])
    np.testing.assert_array_equal(y_again, y)
    saved = saved._replace(y=np.concatenate([y, y], axis=2)[:, :, :n_query])
    found = attention.backward(arrays[3], saved, (arrays[4], arrays[5], dv))
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)


def test_writes_into_views():
    q, k, v = fused(70)
    y, saved = attention.forward(q, k, v, causal=True)
    expected = attention.backward(y, saved)
    gradients = np.full((2, 70, 8, 5), np.nan).transpose(0, 2, 1, 3)
    out = gradients[:, :4], gradients[:, 4:6], gradients[:, 6:]
    returned = attention.backward(y, saved, out)
    reversed_out = tuple(np.empty_like(x)[:, ::-1, :, ::-1] for x in expected)
    attention.backward(y, saved, reversed_out)
    assert np.isfinite(gradients).all()
    for view, result, backwards, wanted in zip(out, returned, reversed_out, expected, strict=True):
        assert result is view
        np.testing.assert_array_equal(view, wanted)
        np.testing.assert_array_equal(backwards, wanted)


def test_large_scores_do_not_overflow():
    # Scores of a few thousand: float32 knows them to 2e-4, and the probabilities no better.
    normal = np.random.default_rng(0).standard_normal
    q, k, v, dy = (30 * normal((1, 1, 70, 8)).astype(np.float32) for _ in range(4))
    with np.errstate(over="raise", invalid="raise"):
        assert_twins(q, k, v, dy, 1e-3, causal=True)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_large_scores_of_a_few_queries_do_not_overflow(dtype):
    # The largest is first, last and between; relative to another its exponent would overflow.
    k = np.array([4, -4, 0, 2, 1], dtype).reshape(1, 1, 5, 1)
    q = np.array([1e3, -1e3], dtype).reshape(1, 1, 2, 1)
    for turn in range(5):
        keys = np.roll(k, turn, axis=2)
        y, saved = attention.forward(q, keys, keys, scale=1.0)
        np.testing.assert_array_equal(y.reshape(-1), [4, -4])
        np.testing.assert_array_equal(saved.lse.reshape(-1), [4e3, 4e3])


def test_gradients_keep_the_digits_of_a_large_log_sum_exp():
    # Scores near 3000, exact in float32, whose spacing there would change probabilities by 1e-4.
    generator = np.random.default_rng(0)
    q, k = (generator.integers(-2, 3, (1, 1, 70, 3)).astype(np.float32) for _ in range(2))
    q[..., 0], k[..., 0] = 64, 47
    v, dy = generator.random((2, 1, 1, 70, 3)).astype(np.float32)
    _, saved = attention.forward(q, k, v, scale=1.0)
    _, expected = reference.forward(*(x.astype(float) for x in (q, k, v)), scale=1.0)
    dv = attention.backward(dy, saved)[2]
    np.testing.assert_allclose(dv, reference.backward(dy.astype(float), expected)[2], rtol=3e-6)


@pytest.mark.skipif(sys.platform == "win32", reason="needs the module resource")
def test_memory_does_not_grow_with_the_square_of_the_length():
    # In a process of its own, whose peak is not that of another test. (T, T) is 400 MB.
    code = """if True:
        import resource, sys
        import numpy as np
        from minilm.kernels import attention

        x = np.random.default_rng(0).standard_normal((1, 1, 10_000, 2)).astype(np.float32)
        y, saved = attention.forward(x[:, :, :300], x[:, :, :300], x[:, :, :300])
        attention.backward(y, saved)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        y, saved = attention.forward(x, x, x)
        attention.backward(y, saved)
        growth = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        print(growth // (1024 if sys.platform == "darwin" else 1))
    """
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(run.stdout) < 40_000  # kB


def test_wrong_arguments():
    x = np.zeros((1, 3, 2, 2))
    with pytest.raises(ValueError, match="3 query heads cannot share 2"):
        attention.forward(x, x[:, :2], x[:, :2])
    with pytest.raises(ValueError, match="needs a key"):
        attention.forward(x, x, x, dropout=0.1)


def test_keys_before_the_first_are_not_read():
    # A tile that no query sees is passed over, so that what is there cannot matter.
    generator = np.random.default_rng(3)
    q, k, v, dy = (generator.standard_normal((1, 1, 200, 8)) for _ in range(4))
    first_key = np.repeat([0, 130], [130, 70])[None]
    y, saved = attention.forward(q, k, v, causal=True, first_key=first_key)
    k[:, :, :128], v[:, :, :128] = np.nan, np.inf
    again, saved_again = attention.forward(q, k, v, causal=True, first_key=first_key)
    np.testing.assert_array_equal(again[:, :, 192:], y[:, :, 192:])
    dq = attention.backward(dy, saved)[0]
    dq_again = attention.backward(dy, saved_again)[0]
    np.testing.assert_array_equal(dq_again[:, :, 192:], dq[:, :, 192:])


def test_a_later_query_of_a_tile_may_see_earlier_keys():
    generator = np.random.default_rng(4)
    q, k, v, dy = (generator.standard_normal((1, 1, 150, 8)) for _ in range(4))
    first_key = np.zeros((1, 150), np.int64)
    first_key[0, 64] = 64  # the first query of the second tile
    assert_twins(q, k, v, dy, 1e-13, causal=True, first_key=first_key)


@numba.njit
def _bands(n_query, visible, causal, t, j0):
    head = Head(
        0, n_query, 1, visible, False, np.zeros(1, np.int64), False, causal, 1.0, np.uint32(0),
        1.0, np.uint32(0), np.uint32(0), False,
    )  # fmt: skip
    seen, seeing = bands(head, t, j0)
    return seen.begin, seen.end, seeing.begin, seeing.end


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize(("n_query", "n_key"), [(200, 200), (70, 200), (200, 70)])
def test_bands_hold_what_a_tile_sees_and_no_more(n_query, n_key, causal):
    i, j = np.arange(64)[:, None], np.arange(64)
    for t in range(0, n_query, 64):
        for j0 in range(0, n_key, 64):
            begin, end, begin_back, end_back = _bands(n_query, np.ones(n_key, bool), causal, t, j0)
            seen = j0 + j <= t + i + n_key - n_query if causal else np.ones((64, 64), bool)
            np.testing.assert_array_equal((begin + i <= j) & (j < end + i), seen)
            np.testing.assert_array_equal((begin_back + j <= i) & (i < end_back + j), seen)
