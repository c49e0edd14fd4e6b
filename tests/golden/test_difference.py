"""How far apart: scale, infinities, whole numbers, and what Adam makes of rounding."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from minilm.golden.difference import Difference, apart, difference, largest, leeway, noise, sizes

NAN, INF = np.nan, np.inf


def test_the_scale_is_the_largest_number_of_the_first() -> None:
    a, b = np.array([[1.0, -8.0], [0.5, 0.0]]), np.array([[1.0, -8.0], [0.5, 0.004]])
    found = difference(a, b, 1e-3)
    assert (found.scale, found.largest, found.error) == (8.0, 0.004, 0.0005)
    assert (found.n_apart, found.n_entries, found.parts) == (0, 4, False)
    found = difference(a, b, 1e-4)
    assert (found.n_apart, found.place, found.a, found.b) == (1, (1, 1), 0.0, 0.004)
    assert apart(a, b, 1e-4).tolist() == [[False, False], [False, True]]


def test_zero_has_the_scale_of_the_other() -> None:
    assert difference(np.zeros(2), np.array([0.0, 3.0]), 1e-9).error == 1.0
    assert difference(np.zeros(2), np.zeros(2), 1e-9).error == 0.0


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (INF, INF, 0), (-INF, -INF, 0), (INF, -INF, INF), (NAN, NAN, 0), (NAN, 1.0, INF),
        (1.0, NAN, INF), (-INF, NAN, INF), (-INF, -1e9, 0), (-1e4, -INF, 0), (-INF, -9e3, INF),
        (INF, 1e9, INF), (1.0, INF, INF), (1e308, -1e308, INF), (2.0, 5.0, 3),
    ],
)  # fmt: skip
def test_what_is_not_finite(a: float, b: float, expected: float) -> None:
    one, other = np.array([1.0, a]), np.array([1.0, b])
    assert sizes(one, other).tolist() == [0, expected]
    found = difference(one, other, 1e-9)
    assert found.parts == (expected != 0)
    assert found.place == ((1,) if expected else (0,))
    assert np.isfinite(found.scale)


def test_whole_numbers_must_be_equal() -> None:
    a = np.array([150_000, 3])
    found = difference(a, np.array([150_000, 4]), 0.1)
    assert (found.n_apart, found.largest, found.place) == (1, 1.0, (1,))
    assert not difference(a, a.astype(np.int32), 1e-9).parts
    large = np.array([2**62])
    assert difference(large, large + 1, 1e-9).parts


def test_float32_against_float64_is_not_rounded_first() -> None:
    a = np.array([0.1])
    assert difference(a, a.astype(np.float32), 1e-9).parts


def test_no_axes_and_no_entries() -> None:
    assert difference(np.array(2.0), np.array(2.5), 1e-9).place == ()
    assert not difference(np.zeros((0, 3)), np.zeros((0, 3)), 1e-9).parts


def test_the_largest_finite_value() -> None:
    assert largest(np.array([-3.0, INF, NAN, 2.0])) == 3.0
    assert largest(np.array([NAN])) == largest(np.zeros(0)) == 0.0


@given(arrays(np.float64, 6, elements=st.floats(1, 1e6)), st.integers(0, 5))
def test_one_entry_too_far_is_found(a: np.ndarray, place: int) -> None:
    b = a.copy()
    b[place] += largest(a) * 1e-6
    found = difference(a, b, 1e-8)
    assert found.parts
    assert found.place == (place,)
    assert not difference(a, b, 2e-3).parts


def test_adam_may_turn_rounding_into_a_step() -> None:
    gradient = np.array([1.0, 0.1, 1e-12, 0.0])
    slack = leeway(gradient, rates=0.02, eps=1e-8, tolerance=1e-5)
    scale = 0.05
    allowed = 1e-5 * (scale + slack)
    # Of the whole step of 0.02: hardly anything where the gradient is large, ten times that
    # where it is a tenth, and all of it where the gradient is rounding.
    np.testing.assert_allclose(allowed, [7e-7, 2.5e-6, 0.0200005, 0.0200005], rtol=1e-3)
    value = np.full(4, 0.05)

    def moved(*by: float) -> Difference:
        return difference(value, value + np.array(by), 1e-5, slack)

    assert not moved(0, 0, 0.02, -0.02).parts
    assert (moved(2e-6, 0, 0.02, 0).n_apart, moved(2e-6, 0, 0.02, 0).place) == (1, (0,))
    assert moved(0, 0, 0.03, 0).place == (2,)


def test_a_gradient_may_be_nothing_but_rounding() -> None:
    assert noise("F64", 2.0) == 2.0 * 32 * 2.0**-53
    assert noise("F32", 1.0) == 32 * 2.0**-24
    assert noise("I64", 1.0) == noise("F64", 1.0)
    gradient = np.array([3e-7, 0.5])
    allowed = 1e-5 * leeway(gradient, 0.02, 1e-8, 1e-5, rounding=noise("F32", 10.0))
    assert allowed[0] == pytest.approx(0.02)
    assert allowed[1] < 1e-6
