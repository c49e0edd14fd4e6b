from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from minilm.errors import MinilmError
from minilm.generation.sampling import check, probabilities, sample

# Few values, so that ties are common.
logit = st.sampled_from([-math.inf, -2.0, -1.0, 0.0, 0.5, 1.0, 3.0])
logits = st.lists(logit, min_size=1, max_size=9).filter(lambda x: max(x) > -math.inf).map(np.array)
temperatures = st.sampled_from([0.25, 0.5, 1.0, 2.0])
top_ks = st.none() | st.integers(1, 12)
top_ps = st.none() | st.floats(0, 1)


def naive(logits: list[float], temperature: float, top_k: int | None, top_p: float | None):
    """The distribution by the words of the definition, with lists."""
    z = [logit / temperature for logit in logits]
    kept = [v for v in range(len(z)) if z[v] > -math.inf]
    if top_k is not None and top_k < len(z):
        limit = sorted(z, reverse=True)[top_k - 1]
        kept = [v for v in kept if z[v] >= limit]
    total = sum(math.exp(z[v]) for v in kept)
    p = {v: math.exp(z[v]) / total for v in kept}
    if top_p is not None and top_p < 1:
        best_first = sorted(kept, key=lambda v: (-z[v], -v))
        kept, mass = [], 0.0
        for v in best_first:
            if kept and mass >= top_p:
                break
            kept.append(v)
            mass += p[v]
    total = sum(p[v] for v in kept)
    return [p[v] / total if v in kept else 0.0 for v in range(len(z))]


def is_a_near_miss(logits, temperature, top_k, top_p) -> bool:
    """Whether the mass kept meets top_p up to rounding, where either answer is right."""
    if top_p is None:
        return False
    p = sorted(naive(logits.tolist(), temperature, top_k, None), reverse=True)
    return bool(np.min(np.abs(np.cumsum(p) - top_p)) < 1e-12)


@given(logits, temperatures, top_ks, top_ps)
def test_equals_the_definition(logits, temperature, top_k, top_p):
    p = probabilities(logits, temperature, top_k, top_p)
    assert p.dtype == np.float64
    assert p.sum() == pytest.approx(1, rel=1e-12)
    if not is_a_near_miss(logits, temperature, top_k, top_p):
        expected = naive(logits.tolist(), temperature, top_k, top_p)
        assert p == pytest.approx(np.array(expected), rel=1e-9)
        assert ((p == 0) == (np.array(expected) == 0)).all()


@given(logits, temperatures, top_ks, top_ps, st.integers(0, 99))
def test_only_tokens_with_probability_are_drawn(logits, temperature, top_k, top_p, seed):
    options = {"temperature": temperature, "top_k": top_k, "top_p": top_p}
    token = sample(logits, rng=np.random.default_rng(seed), **options)
    assert probabilities(logits, **options)[token] > 0


def test_ties_at_the_kth_all_stay():
    p = probabilities(np.array([1.0, 2.0, 1.0, 0.0]), top_k=2)
    assert (p > 0).tolist() == [True, True, True, False]


def test_ties_at_the_top_p_limit():
    # 1/2, 1/4, 1/4: the first 3/4 are enough, and of equal ones the higher id stays.
    quarters = np.log([0.25, 0.5, 0.25])
    assert (probabilities(quarters, top_p=0.74) > 0).tolist() == [False, True, True]
    assert (probabilities(quarters, top_p=0.76) > 0).tolist() == [True, True, True]
    assert (probabilities(np.zeros(4), top_p=0.5) > 0).tolist() == [False, False, True, True]
    assert (probabilities(np.zeros(4), top_p=0.51) > 0).tolist() == [False, True, True, True]


def test_top_p_measures_what_top_k_has_left():
    # Of 0.4, 0.3, 0.2, 0.1, top_k=2 leaves 4/7 and 3/7; the first alone reaches 0.5.
    p = probabilities(np.log([0.4, 0.3, 0.2, 0.1]), top_k=2, top_p=0.5)
    assert p.tolist() == [1, 0, 0, 0]


def test_temperature_comes_before_top_p():
    # At temperature 1/2 the odds 2 : 1 become 4 : 1, and the first alone reaches 0.75.
    logits = np.log([2.0, 1.0])
    assert (probabilities(logits, 1.0, top_p=0.75) > 0).tolist() == [True, True]
    assert (probabilities(logits, 0.5, top_p=0.75) > 0).tolist() == [True, False]


def test_the_ends_of_top_p():
    logits = np.array([0.0, 1.0, -500.0])
    assert probabilities(logits, top_p=0).tolist() == [0, 1, 0]
    assert np.array_equal(probabilities(logits, top_p=1.0), probabilities(logits))
    assert probabilities(logits, top_p=1.0)[2] > 0


def test_greedy_takes_the_first_of_the_largest():
    logits = np.array([0.0, 2.0, 2.0, -np.inf])
    assert probabilities(logits, 0).tolist() == [0, 1, 0, 0]
    assert {sample(logits, rng=np.random.default_rng(s), temperature=0.0) for s in range(20)} == {1}


@given(logits, st.sampled_from([5e-324, 1e-300, 1e-8, 1e300]))
def test_extreme_temperatures(logits, temperature):
    with np.errstate(all="raise", under="ignore", over="ignore"):
        p = probabilities(logits, temperature)
    assert p.sum() == pytest.approx(1)
    if temperature < 1:
        assert (p > 0).tolist() == (logits == logits.max()).tolist()


def test_large_logits_do_not_overflow():
    p = probabilities(np.array([1e30, 1e30, 0.0], np.float32))
    assert p.tolist() == [0.5, 0.5, 0]


def test_float32_logits_are_handled_in_float64():
    logits = np.array([0.1, 1.7, -3.3], np.float32)
    p = probabilities(logits, 0.7, top_p=0.9)
    assert p.dtype == np.float64
    assert np.array_equal(p, probabilities(logits.astype(np.float64), 0.7, top_p=0.9))


def test_inputs_stay():
    logits = np.array([0.0, 3.0, 1.0])
    probabilities(logits, 0.5, 2, 0.5)
    assert logits.tolist() == [0.0, 3.0, 1.0]


def test_frequencies_follow_the_probabilities():
    logits = np.log([0.5, 0.3, 0.15, 0.05])
    rng = np.random.default_rng(3)
    n = 20_000
    counts = np.bincount([sample(logits, rng=rng, top_k=3) for _ in range(n)], minlength=4)
    p = np.array([0.5, 0.3, 0.15, 0]) / 0.95
    assert (np.abs(counts - n * p) <= 4 * np.sqrt(n * p * (1 - p))).all()


@pytest.mark.parametrize("options", [{}, {"temperature": 0}, {"top_k": 1}, {"top_p": 0.1}])
def test_each_draw_uses_one_number(options):
    rng, other = np.random.default_rng(0), np.random.default_rng(0)
    sample(np.arange(5.0), rng=rng, **options)
    other.random()
    assert rng.random() == other.random()


class Drawn(np.random.Generator):
    """A generator that always gives the same number."""

    def __init__(self, number: float) -> None:
        super().__init__(np.random.PCG64(0))
        self.number = number

    def random(self):
        return self.number


@given(st.lists(st.floats(0, 1), min_size=1, max_size=9).filter(lambda p: max(p) > 0))
@example([0.0, 1.0, 0.0])
@example([0.1] * 10)  # whose sum is a little less than 1
def test_the_ends_of_the_random_numbers(p):
    with np.errstate(divide="ignore"):
        logits = np.log(p)
    p = probabilities(logits)
    assert sample(logits, rng=Drawn(0.0)) == np.flatnonzero(p)[0]
    last = sample(logits, rng=Drawn(1 - 2**-53))
    assert p[last] > 0
    assert p[last + 1 :].sum() < 1e-15


@pytest.mark.parametrize(
    ("option", "value"),
    [
        *[("temperature", x) for x in (-1, -1e-9, math.nan, math.inf, "1", None, True)],
        *[("top_k", x) for x in (0, -3, 1.0, "5", True, math.nan)],
        *[("top_p", x) for x in (-0.1, 1.01, math.nan, math.inf, "0.5", True)],
    ],
)
def test_bad_options_are_named(option, value):
    for call in (check, lambda **options: probabilities(np.zeros(3), **options)):
        with pytest.raises(MinilmError, match=f"^{option} is {value!r}; choose a "):
            call(**{option: value})


@pytest.mark.parametrize("top_k", [1, np.int32(2), 10**30])
def test_good_options_pass(top_k):
    check(np.float32(0.5), top_k, 0)
    check(0, None, 1)
    probabilities(np.zeros(3), 1, top_k, np.float64(0.5))


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_broken_logits(bad):
    for temperature in (0, 1):
        with pytest.raises(MinilmError, match=f"largest logit is {bad}"):
            probabilities(np.array([0.0, bad, 1.0]), temperature)
    with pytest.raises(MinilmError, match="largest logit is -inf"):
        probabilities(np.full(3, -np.inf))


def test_one_row_only():
    with pytest.raises(ValueError, match="one row"):
        probabilities(np.zeros((2, 3)))
