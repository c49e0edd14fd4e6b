"""The checker is itself held to account: whatever can be wrong with an operation, it must say."""

from __future__ import annotations

import numpy as np
import pytest

from minilm.errors import MinilmError
from minilm.gradient_check import (
    check_operation,
    gradcheck,
)
from minilm.reference import gelu, rms_norm

NORMAL = np.random.default_rng(0).standard_normal
X, W = NORMAL((3, 4)), NORMAL((4, 2))


def forward(x, weight):
    return np.tanh(x @ weight), (x, weight)


def backward(dy, saved):
    x, weight = saved
    dz = dy * (1 - np.tanh(x @ weight) ** 2)
    return dz @ weight.T, x.T @ dz


def problems(report):
    return {row.argument: row.problem for row in report.rows if not row.ok}


def test_a_right_gradient_passes_by_a_wide_margin():
    report = gradcheck(forward, backward, (X, W))
    assert report.ok
    assert report.worst < 1e-11
    assert [(row.argument, row.shape) for row in report.rows] == [("x", (3, 4)), ("weight", (4, 2))]
    assert all(row.largest > 0.1 for row in report.rows)


def change(index, how):
    """`backward` with one of its gradients changed."""

    def changed(dy, saved):
        gradients = list(backward(dy, saved))
        gradients[index] = how(gradients[index])
        return tuple(gradients)

    return changed


@pytest.mark.parametrize(
    ("how", "problem"),
    [
        (np.negative, "backward says"),
        (lambda g: g * (1 + 1e-7), "backward says"),
        (lambda g: g + 1e-6 * (np.arange(g.size) == 3).reshape(g.shape), "backward says"),
        (np.zeros_like, "backward says 0"),
        (lambda g: g.T.copy(), "the gradient has shape (2, 4)"),
        (lambda g: g.sum(axis=0), "the gradient has shape (2,)"),
        (lambda g: g.astype(np.float32), "dtype float32, not float64"),
        (lambda g: np.where(np.arange(8).reshape(4, 2) == 5, np.nan, g), "is nan at [2, 1]"),
        (lambda g: None, "backward returned None"),
    ],
)
def test_a_wrong_gradient_is_caught_and_named(how, problem):
    report = gradcheck(forward, change(1, how), (X, W))
    assert not report.ok
    assert list(problems(report)) == ["weight"]
    assert problem in problems(report)["weight"]
    assert report.worst > 1e-8


def test_the_worst_place_is_named():
    def wrong_at_one_place(g):
        g = g.copy()
        g[2, 1] += 5
        return g

    problem = problems(gradcheck(forward, change(0, wrong_at_one_place), (X, W)))["x"]
    assert problem.endswith("at [2, 1]")


def test_a_uniform_upstream_gradient_would_hide_this():
    """Centring: the sum of y does not depend on x, so with dy = 1 a zero gradient passes."""
    report = gradcheck(lambda x: (x - x.mean(), None), lambda dy, _: np.zeros_like(dy), [X])
    assert not report.ok


def test_gradients_of_swapped_arguments_of_one_shape():
    report = gradcheck(
        lambda a, b: (a * a + b, a), lambda dy, a: (dy, 2 * a * dy), (NORMAL(3), NORMAL(3))
    )
    assert set(problems(report)) == {"a", "b"}


def test_arguments_given_by_name_are_held_fixed():
    report = gradcheck(
        lambda x, scale: (x * scale, scale), lambda dy, s: dy * s, [X], kwargs={"scale": NORMAL(4)}
    )
    assert [row.argument for row in report.rows] == ["x"]
    assert report.ok


def test_float32_arguments_are_checked_in_float64_and_left_alone():
    x = X.astype(np.float32)
    before = x.copy()
    assert gradcheck(lambda x: (np.sin(x), x), lambda dy, x: dy * np.cos(x), [x]).worst < 1e-10
    assert np.array_equal(x, before)


def test_the_callers_arrays_are_never_changed():
    x, weight = X.copy(), W.copy()
    x.flags.writeable = weight.flags.writeable = False
    assert gradcheck(forward, backward, (x, weight)).ok


def test_seed_changes_the_upstream_gradient():
    seen = []

    def record(dy, x):
        seen.append(dy.copy())
        return dy

    for seed in (1, 1, 2):
        gradcheck(lambda x: (1 * x, x), record, [X], seed=seed)
    assert np.array_equal(seen[0], seen[2])
    assert not np.array_equal(seen[0], seen[4])


def test_step_and_tolerance_are_obeyed():
    def sharp(x):
        return np.sin(1000 * x), x

    def sharp_backward(dy, x):
        return 1000 * dy * np.cos(1000 * x)

    assert not gradcheck(sharp, sharp_backward, [X]).ok
    assert gradcheck(sharp, sharp_backward, [X], step=1e-6).ok
    assert not gradcheck(forward, backward, (X, W), tolerance=0.0).ok


def test_check_operation_names_the_case_of_a_wrong_backward(monkeypatch):
    right = gelu.backward

    def wrong(dy, saved):
        return right(dy, saved) * (1 if saved.approximate == "tanh" else 1.001)

    assert all(row.ok for row in check_operation("gelu"))
    monkeypatch.setattr(gelu, "backward", wrong)
    failed = [row for row in check_operation("gelu") if not row.ok]
    assert failed
    assert all(row.case.startswith("none") for row in failed)


def test_check_operation_catches_a_gradient_that_vanishes(monkeypatch):
    """An argument forgotten both ways: the two agree that its gradient is zero."""
    right_forward, right_backward = rms_norm.forward, rms_norm.backward
    monkeypatch.setattr(
        rms_norm, "forward", lambda x, weight, **kw: right_forward(x, np.ones_like(weight), **kw)
    )
    monkeypatch.setattr(
        rms_norm,
        "backward",
        lambda dy, saved: (right_backward(dy, saved)[0], np.zeros_like(saved.weight)),
    )
    failed = {row.argument: row.problem for row in check_operation("rms_norm") if not row.ok}
    assert failed == {"weight": "the gradient vanishes and should not"}


@pytest.mark.parametrize("widening", ["forward", "backward"])
def test_check_operation_catches_float64_out_of_float32(monkeypatch, widening):
    def widened(result):
        return result.astype(float) if isinstance(result, np.ndarray) else result

    right = getattr(gelu, widening)
    wrong = {
        "forward": lambda *args, **kwargs: tuple(map(widened, right(*args, **kwargs))),
        "backward": lambda *args: widened(right(*args)),
    }
    monkeypatch.setattr(gelu, widening, wrong[widening])
    failed = [row for row in check_operation("gelu") if not row.ok]
    assert failed
    assert all(row.problem == "float64 for float32 arguments" for row in failed)
    assert {row.argument for row in failed} == {"y" if widening == "forward" else "gradient 0"}


def test_check_operation_seed_and_name():
    errors = [[row.largest for row in check_operation("softmax", seed=seed)] for seed in (1, 1, 2)]
    assert errors[0] == errors[1] != errors[2]
    with pytest.raises(MinilmError, match="did you mean 'softmax'"):
        check_operation("softmx")
