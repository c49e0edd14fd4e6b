"""Hints: each hypothesis where it is true, and none where nothing simple is."""

import math

import numpy as np
import pytest

from minilm.golden.hints import hints, named_factor, place, whereabouts

LETTERS = {"B": 2, "T": 5, "S": 5, "C": 12, "H": 3, "K": 3, "D": 8, "F": 48, "V": 17, "L": 4}
RNG = np.random.default_rng(3)
BHTS = RNG.normal(size=(2, 3, 5, 5))
BTC = RNG.normal(size=(2, 5, 12))


def hinted(a: np.ndarray, b: np.ndarray, axes: str = "", others: list | None = None) -> list[str]:
    return hints(a, b, axes.split() or ["C"] * a.ndim, LETTERS, 1e-9, others or [])


@pytest.mark.parametrize(
    ("factor", "expected"),
    [
        (8**-0.5, "A is 0.3536 times B, which is 1/sqrt(8) = 1/sqrt(D)"),
        (8**0.5, "A is 2.828 times B, which is sqrt(8) = sqrt(D)"),
        (0.1, "A is 0.1 times B, which is 1/10 = 1/(B T)"),
        (17, "A is 17 times B, which is V"),
        (2.0, "A is 2 times B, which is B = sqrt(L)"),
        (0.7, "A is 0.7 times B"),
        (-3.7, "A is -3.7 times B"),
        (-0.5, "A is -0.5 times B, which is -1/2 = 1/B = 1/sqrt(L)"),
        (-1, "B is A with the other sign"),
        (math.log(2), "A is 0.6931 times B, which is ln 2"),
        (1 / math.log(2), "A is 1.443 times B, which is 1/ln 2"),
    ],
)
def test_a_factor(factor: float, expected: str) -> None:
    assert hinted(factor * BTC, BTC) == [expected]


def test_a_factor_beside_a_mask() -> None:
    a = np.where(np.tril(np.ones((5, 5), bool)), BHTS, -np.inf)
    assert hinted(a / math.sqrt(8), a) == ["A is 0.3536 times B, which is 1/sqrt(8) = 1/sqrt(D)"]
    # A mask that differs too is no mere factor.
    b = np.where(np.tril(np.ones((5, 5), bool), 1), BHTS, -np.inf)
    assert not any("times" in hint for hint in hinted(a / math.sqrt(8), b))


def test_one_number_needs_a_named_factor() -> None:
    assert hinted(np.array(0.1), np.array(0.37)) == []
    assert hinted(np.array(0.3), np.array(3.0)) == ["A is 0.1 times B, which is 1/10 = 1/(B T)"]


def test_whole_numbers_are_named_only_where_they_mean_something() -> None:
    assert named_factor(1000.0, LETTERS, 1e-8) == ""
    assert named_factor(1234.5**0.5, LETTERS, 1e-8) == ""
    assert named_factor(1.0, LETTERS, 1e-8) == ""
    assert named_factor(1e-300, LETTERS, 1e-8) == named_factor(1e300, LETTERS, 1e-8) == ""


def test_zero() -> None:
    assert hinted(BTC, 0 * BTC) == ["B is zero everywhere"]
    assert hinted(0 * BTC, BTC) == ["A is zero everywhere"]


def test_transposed() -> None:
    square = RNG.normal(size=(12, 12))
    assert hinted(square, square.T) == ["B is A transposed"]
    assert hinted(RNG.normal(size=(12, 3)), BTC[0]) == []
    weight = RNG.normal(size=(12, 48))
    assert hinted(weight, weight.T) == ["B is A transposed"]
    assert hinted(BHTS, BHTS.swapaxes(2, 3), "B H T S") == ["B is A with T, S swapped"]


def test_other_shapes_of_the_same_numbers() -> None:
    a = RNG.normal(size=(2, 3, 5, 8))
    b = a.transpose(0, 2, 1, 3)
    (hint,) = hinted(a, b)
    assert hint == "B is A.transpose(0, 2, 1, 3)"
    c = a.transpose(2, 0, 3, 1)
    (hint,) = hinted(a, c)
    assert hint == "B is A.transpose(2, 0, 3, 1)"
    np.testing.assert_array_equal(eval(hint.removeprefix("B is "), {"A": a}), c)
    assert hinted(BTC, BTC.reshape(10, 12)) == [
        "B holds the same numbers in the same order: B.reshape(2, 5, 12) is A"
    ]
    assert hinted(BTC, BTC[:, :4]) == []


def test_moved_by_one() -> None:
    long = RNG.normal(size=(2, 7, 12))
    assert hinted(long[:, 1:], long[:, :-1], "B T C") == [
        "B is A moved by one along T: B[t] is A[t - 1]"
    ]
    assert hinted(long[:, :-1], long[:, 1:], "B T C") == [
        "B is A moved by one along T: B[t] is A[t + 1]"
    ]


def test_a_constant() -> None:
    assert hinted(BTC, BTC - 0.25) == ["A is B + 0.25 everywhere"]
    assert hinted(BTC, BTC + 0.25) == ["A is B - 0.25 everywhere"]


def test_a_term_of_a_sum() -> None:
    x, branch = RNG.normal(size=(2, 2, 5, 12))
    others = [("nothing", 0 * x), ("value.branch", branch), ("value.x", x)]
    assert hinted(x + branch, branch, others=others) == [
        "B is what A has as value.branch",
        "A minus B is value.x: B lacks that term",
    ]
    assert hinted(branch, x + branch, others=others) == ["B minus A is value.x"]
    assert hinted(x, branch, others=[("q", branch)]) == ["B is what A has as q"]


@pytest.mark.parametrize(("k", "where"), [(1, "s = t + 1"), (0, "s = t"), (-1, "s = t - 1")])
def test_a_mask_one_position_off(k: int, where: str) -> None:
    masks = [np.tril(np.ones((5, 5), bool), k - shift) for shift in (1, 0)]
    a, b = (np.where(mask, BHTS, -np.inf) for mask in masks)
    assert hinted(a, b, "B H T S") == [f"they differ only where {where}"]


def test_nothing_simple() -> None:
    assert hinted(BTC, RNG.normal(size=BTC.shape)) == []
    assert hinted(np.zeros((0, 3)), np.zeros((0, 3))) == []
    assert hinted(np.full(3, np.nan), np.ones(3)) == []


def test_where() -> None:
    mask = np.zeros((2, 3, 6), bool)
    mask[:, 1, [1, 2, 3]] = True
    assert whereabouts(mask, ["B", "H", "T"]) == "h 1, t 1 to 3"
    mask[:, 1, 5] = True
    assert whereabouts(mask, ["B", "H", "T"]) == "h 1, 4 of 6 t"
    assert whereabouts(np.ones((2, 3), bool), ["B", "T"]) == ""


def test_an_index_of_the_fused_projection() -> None:
    letters = {"H": 3, "K": 2, "D": 8}
    found = [place((i,), ["(H+2K)D"], letters).partition(": ")[2] for i in (0, 23, 24, 39, 40, 55)]
    assert found == ["q of head 0, d 0", "q of head 2, d 7", "k of head 0, d 0",
                     "k of head 1, d 7", "v of head 0, d 0", "v of head 1, d 7"]  # fmt: skip
    assert place((5,), ["(H+2K)D"], {"H": 1, "K": 1, "D": 0}) == "(h+2k)d 5"
