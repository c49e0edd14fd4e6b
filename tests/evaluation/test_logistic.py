"""Multinomial logistic regression: the minimum of the stated loss, and what it predicts."""

import numpy as np
import pytest

from minilm.evaluation.logistic import fit


def _blobs(seed: int = 0, n: int = 60, spread: float = 1.0):
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 3
    centres = rng.normal(0, 2, (3, 4))
    # Columns of very different size, and one that never varies.
    x = (centres[labels] + spread * rng.normal(size=(n, 4))) * [1, 100, 0.01, 1]
    return np.column_stack([x, np.full(n, 7.0)]), labels


def _loss(x, labels, weight, bias, strength) -> float:
    """The docstring's loss, on features brought to mean 0 and variance 1."""
    scale = np.where(x.std(axis=0) > 0, x.std(axis=0), 1)
    logits = (x - x.mean(axis=0)) / scale @ weight + bias
    log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    nll = -log_p[np.arange(len(x)), labels].mean()
    return float(nll + (weight**2).sum() / (2 * strength * len(x)))


@pytest.mark.parametrize("strength", [0.1, 1.0, 10.0])
def test_it_is_the_minimum_of_the_loss(strength: float) -> None:
    x, labels = _blobs()
    found = fit(x, labels, 3, strength=strength, tolerance=1e-8)
    least = _loss(x, labels, found.weight, found.bias, strength)
    rng = np.random.default_rng(1)
    for size in (1e-2, 1e-3):
        for _ in range(20):
            weight = found.weight + size * rng.normal(size=found.weight.shape)
            bias = found.bias + size * rng.normal(size=3)
            assert _loss(x, labels, weight, bias, strength) > least
    # Slopes in every direction vanish, of the bias too.
    for array in (found.weight, found.bias):
        for place in np.ndindex(array.shape):
            values = []
            for step in (1e-4, -1e-4):
                array[place] += step
                values.append(_loss(x, labels, found.weight, found.bias, strength))
                array[place] -= step
            assert (values[0] - values[1]) / 2e-4 == pytest.approx(0, abs=1e-6)


def test_the_penalty_shrinks_weights() -> None:
    x, labels = _blobs()
    sizes = [np.abs(fit(x, labels, 3, strength=s).weight).sum() for s in (0.01, 1.0, 100.0)]
    assert sizes == sorted(sizes)


def test_it_predicts_what_it_has_not_seen() -> None:
    x, labels = _blobs(n=300, spread=0.7)
    found = fit(x[:200], labels[:200], 3)
    assert (found.predict(x[200:]) == labels[200:]).mean() > 0.9
    again = fit(x[:200], labels[:200], 3)
    np.testing.assert_array_equal(found.weight, again.weight)


def test_units_do_not_matter_and_inputs_stay() -> None:
    x, labels = _blobs()
    before = x.copy()
    factors = np.array([3.0, 1e-4, 1e4, 1.0, 2.0])
    one, other = fit(x, labels, 3), fit(x * factors + 5, labels, 3)
    np.testing.assert_allclose(one.logits(x), other.logits(x * factors + 5), atol=1e-3)
    np.testing.assert_array_equal(x, before)


def test_a_label_that_never_occurs_is_never_said() -> None:
    x, labels = _blobs()
    assert set(fit(x, labels, 5).predict(x)) <= {0, 1, 2}


@pytest.mark.oracle
def test_pytorch_finds_the_same_minimum() -> None:
    torch = pytest.importorskip("torch")
    x, labels = _blobs(n=90, spread=3.0)
    found = fit(x, labels, 3, tolerance=1e-9)
    z, y = torch.from_numpy((x - found.mean) / found.scale), torch.from_numpy(labels)
    weight = torch.zeros(5, 3, dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    search = torch.optim.LBFGS(
        [weight, bias],
        max_iter=500,
        tolerance_grad=1e-10,
        tolerance_change=0,
        line_search_fn="strong_wolfe",
    )

    def closure():
        search.zero_grad()
        loss = torch.nn.functional.cross_entropy(z @ weight + bias, y)
        loss = loss + (weight**2).sum() / (2 * 90)
        loss.backward()
        return loss

    search.step(closure)
    np.testing.assert_allclose(found.weight, weight.detach().numpy(), atol=1e-6)
