"""Documents that share a row: each gets what it would get alone, whichever twin runs."""

import numpy as np
import pytest

from minilm.backend import TWINS, ops, using

# (start, end) of the documents of each row; the second row has one of a single position.
DOCUMENTS = [[(0, 70), (70, 73), (73, 150)], [(0, 64), (64, 65), (65, 150)]]
FIRST_KEY = np.array([np.repeat([a for a, _ in row], [b - a for a, b in row]) for row in DOCUMENTS])


@pytest.mark.parametrize("twin", TWINS)
def test_each_document_as_if_it_stood_alone(twin: str) -> None:
    generator = np.random.default_rng(0)
    q, dy = generator.standard_normal((2, 2, 4, 150, 8))
    k, v = generator.standard_normal((2, 2, 2, 150, 8))
    with using(twin):
        y, saved = ops.attention.forward(q, k, v, causal=True, first_key=FIRST_KEY)
        together = (y, *ops.attention.backward(dy, saved))
        for i, row in enumerate(DOCUMENTS):
            for a, b in row:
                own = [x[i : i + 1, :, a:b] for x in (q, k, v, dy)]
                y, saved = ops.attention.forward(*own[:3], causal=True)
                alone = (y, *ops.attention.backward(own[3], saved))
                for found, expected in zip(together, alone, strict=True):
                    np.testing.assert_allclose(found[i : i + 1, :, a:b], expected, atol=1e-12)


@pytest.mark.parametrize("twin", TWINS)
@pytest.mark.parametrize("n_query", [1, 3, 70])
def test_queries_that_see_nothing(twin: str, n_query: int) -> None:
    q, k, v = np.random.default_rng(1).standard_normal((3, 1, 1, n_query, 4))
    first_key = np.full((1, n_query), n_query)
    first_key[0, 0] = 0
    with using(twin):
        y, saved = ops.attention.forward(q, k, v, causal=True, first_key=first_key)
        np.testing.assert_allclose(y[0, 0, 0], v[0, 0, 0])
        assert not y[:, :, 1:].any()
        assert (saved.lse[0, 0, 1:] == -np.inf).all()
        dq, dk, dv = ops.attention.backward(np.ones_like(y), saved)
    assert not dq.any()
    np.testing.assert_allclose(dv[0, 0], np.eye(n_query)[0][:, None] * np.ones(4))
    assert not dk.any()
