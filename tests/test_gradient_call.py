"""What gradcheck notices about the two passes apart from the numbers, and the forms it takes."""

from __future__ import annotations

import numpy as np
import pytest

from minilm.errors import MinilmError
from minilm.gradient_check import gradcheck

NORMAL = np.random.default_rng(0).standard_normal
X, W = NORMAL((3, 4)), NORMAL((4, 2))


def forward(x, weight):
    return x @ weight, (x, weight)


def backward(dy, saved):
    x, weight = saved
    return dy @ weight.T, x.T @ dy


def problems(report):
    return {row.argument: row.problem for row in report.rows if not row.ok}


def test_forward_that_changes_an_argument():
    def changing(x, weight):
        result = forward(x.copy(), weight)
        x *= 2
        return result

    report = gradcheck(changing, backward, (X, W))
    assert problems(report)["x"] == "forward changed it in place"


def test_backward_that_changes_an_argument():
    def changing(dy, saved):
        gradients = backward(dy, saved)
        saved[1][...] += 1
        return gradients

    assert problems(gradcheck(forward, changing, (X, W))) == {
        "weight": "backward changed it in place"
    }


def test_integers_and_keyword_arguments_are_watched_too():
    def changing(x, ids, *, mask):
        ids += 1
        mask[0] = False
        return 2 * x, None

    report = gradcheck(
        changing,
        lambda dy, _: 2 * dy,
        (X, np.arange(3)),
        kwargs={"mask": np.ones(2, bool)},
    )
    assert set(problems(report)) == {"ids", "mask"}


def test_backward_that_changes_dy():
    def changing(dy, x):
        dy *= 2 * x
        return dy

    report = gradcheck(lambda x: (x * x, x), changing, [X])
    assert problems(report) == {"dy": "backward changed it in place"}


def test_backward_that_changes_what_was_saved():
    def changing(dy, saved):
        gradient = dy * saved
        saved *= 2
        return gradient

    report = gradcheck(lambda x: (x * x, 2 * x), changing, [X])
    assert "changed" in problems(report)["saved"]


def test_hidden_randomness():
    generator = np.random.default_rng(1)

    def random(x):
        mask = generator.random(x.shape) < 0.5
        return x * mask, mask

    report = gradcheck(random, lambda dy, mask: dy * mask, [X])
    assert "randomness" in problems(report)["y"]


def test_not_finite():
    report = gradcheck(lambda x: (np.where(x < 0, np.nan, x), x), lambda dy, x: dy, [X])
    assert "not finite" in problems(report)["y"]
    assert not report.ok


def test_identity_that_returns_its_argument():
    """y is x itself: without a copy, y would move along and every quotient be zero."""
    report = gradcheck(lambda x: (x, None), lambda dy, _: dy, [X])
    assert report.ok
    assert report.rows[0].largest > 0.1


def test_tuple_of_results():
    def two(x):
        return (np.sin(x), float(np.sum(x**3))), x

    def two_backward(dy, x):
        return dy[0] * np.cos(x) + dy[1] * 3 * x**2

    assert gradcheck(two, two_backward, [X]).ok
    assert not gradcheck(two, lambda dy, x: dy[0] * np.cos(x), [X]).ok


def test_gradients_in_a_list():
    assert gradcheck(forward, lambda dy, saved: list(backward(dy, saved)), (X, W)).ok


def test_a_number_as_result():
    seen = []

    def sum_backward(dy, x):
        seen.append(type(dy))
        return dy * np.cos(x)

    assert gradcheck(lambda x: (float(np.sum(np.sin(x))), x), sum_backward, [X]).ok
    assert set(seen) == {float}


@pytest.mark.parametrize("shape", [(), (1,), (0, 3)])
def test_smallest_shapes(shape):
    report = gradcheck(lambda x: (x * x, x), lambda dy, x: np.asarray(2 * x * dy), [NORMAL(shape)])
    assert report.ok
    assert report.rows[0].shape == shape


def gather(ids, weight, bias=None):
    y = weight[ids]
    return y if bias is None else y + bias, (ids, weight.shape, bias is not None)


def gather_backward(dy, saved):
    ids, shape, has_bias = saved
    dweight = np.zeros(shape)
    np.add.at(dweight, ids, dy)
    return dweight, (dy.sum(axis=0) if has_bias else None)


@pytest.mark.parametrize(
    "form",
    [
        lambda dweight, dbias: dweight,
        lambda dweight, dbias: (dweight, None),
        lambda dweight, dbias: (None, dweight, None),
    ],
)
def test_arguments_without_a_gradient(form):
    ids = np.array([2, 0, 2])
    report = gradcheck(gather, lambda *a: form(*gather_backward(*a)), (ids, X, None))
    assert report.ok
    assert [row.argument for row in report.rows] == ["weight"]
    assert gradcheck(gather, gather_backward, (ids, X, NORMAL(4))).ok


def test_a_gradient_for_an_argument_that_has_none():
    def too_generous(dy, saved):
        return gather_backward(dy, saved)[0], dy.sum(axis=0)

    with pytest.raises(MinilmError, match="None for bias, which is no float array"):
        gradcheck(gather, too_generous, (np.array([2, 0, 2]), X, None))


@pytest.mark.parametrize(
    ("wrong_forward", "wrong_backward", "args", "message"),
    [
        (lambda x: x, lambda dy, s: dy, [X], r"forward must return \(y, saved\), not ndarray"),
        (lambda x: (x, x, x), lambda dy, s: dy, [X], r"forward must return \(y, saved\)"),
        (lambda x: x[:2], lambda dy, s: dy, [X], r"forward must return \(y, saved\)"),
        (lambda x: (x > 0, x), lambda dy, s: dy, [X], "float64 .* not bool"),
        (
            lambda x: (x.astype(np.float32), x),
            lambda dy, s: dy,
            [X],
            "must return float64 for float64 arguments, not float32",
        ),
        (forward, lambda dy, s: (dy, dy, dy), (X, W), "returned 3 gradients, .* due for x, weight"),
        (forward, lambda dy, s: dy, (X, W), "returned 1 gradients, .* due for x, weight"),
        (lambda i: (1.0, i), lambda dy, s: dy, [np.arange(3)], "found no float array among args"),
    ],
)
def test_operations_of_another_form_are_refused(wrong_forward, wrong_backward, args, message):
    with pytest.raises(MinilmError, match=message) as error:
        gradcheck(wrong_forward, wrong_backward, args)
    assert "\n" not in str(error.value)


def test_arguments_without_known_names():
    report = gradcheck(
        lambda *xs: (xs[0] * xs[1], xs), lambda dy, xs: (dy * xs[1], dy * xs[0]), [X, X]
    )
    assert report.ok
    assert [row.argument for row in report.rows] == ["argument 0", "argument 1"]
