"""Scaled rotary frequencies: what each recipe promises, and numbers worked out by hand."""

import math

import numpy as np
import pytest

from minilm.errors import MinilmError
from minilm.nn.rope_scaling import KINDS, RopeScaling

R, BASE = 12, 100.0
PLAIN = np.array([BASE ** (-2 * i / R) for i in range(R // 2)])


def frequencies(kind: str, length: int = 10, **numbers) -> np.ndarray:
    return RopeScaling(kind, **numbers).frequencies(R, BASE, length)


def test_none() -> None:
    np.testing.assert_allclose(frequencies("none"), PLAIN, rtol=1e-15)


@pytest.mark.parametrize("length", [1, 10**6])
def test_linear_squeezes_positions(length: int) -> None:
    np.testing.assert_allclose(frequencies("linear", length, factor=2.5), PLAIN / 2.5, rtol=1e-15)


def test_dynamic_keeps_the_fastest_and_divides_the_slowest() -> None:
    numbers = {"factor": 3.0, "original_context": 50}
    for length in (1, 50):
        np.testing.assert_allclose(frequencies("dynamic", length, **numbers), PLAIN, rtol=1e-15)
    for length in (51, 100, 1000):
        found = frequencies("dynamic", length, **numbers)
        stretch = 3 * length / 50 - 2
        assert found[0] == 1
        assert found[-1] == pytest.approx(PLAIN[-1] / stretch, rel=1e-13)
        # Still a geometric series.
        np.testing.assert_allclose(found[1:] / found[:-1], found[1], rtol=1e-13)


@pytest.mark.parametrize("factor", [1.3, 1e17])
def test_dynamic_changes_nothing_up_to_the_original_context(factor: float) -> None:
    """Also not by rounding: 1.3 * 13 / 13 - 0.3 is not 1, 1e17 - (1e17 - 1) is 0."""
    scaling = RopeScaling("dynamic", factor=factor, original_context=13)
    np.testing.assert_array_equal(scaling.frequencies(R, BASE, 13), frequencies("none"))
    assert scaling.frequencies(2, BASE, 13).tolist() == [1]  # and one pair may stay as it is


def test_llama3_by_wavelength() -> None:
    found = frequencies(
        "llama3", factor=8.0, original_context=90, low_frequency_factor=1.0,
        high_frequency_factor=4.0,
    )  # fmt: skip
    for plain, scaled in zip(PLAIN, found, strict=True):
        wavelength = 2 * math.pi / plain
        if wavelength < 90 / 4:
            expected = plain
        elif wavelength > 90 / 1:
            expected = plain / 8
        else:
            smooth = (90 / wavelength - 1) / (4 - 1)
            expected = (1 - smooth) * plain / 8 + smooth * plain
        assert scaled == pytest.approx(expected, rel=1e-13)
    # Each of the three happens.
    ratios = found / PLAIN
    assert ratios[0] == 1
    assert ratios[-1] == pytest.approx(1 / 8)
    assert ((ratios > 0.13) & (ratios < 0.99)).sum() >= 2


YARN = {"factor": 4.0, "original_context": 64, "beta_fast": 4.0, "beta_slow": 1.0}


def test_yarn_by_hand() -> None:
    """Pairs that turn 4 times and once in 64 positions: 1.22 and 3.02, widened to 1 and 4."""
    kept = np.array([1, 1, 2 / 3, 1 / 3, 0, 0])
    expected = kept * PLAIN + (1 - kept) * PLAIN / 4
    np.testing.assert_allclose(frequencies("yarn", **YARN), expected, rtol=1e-13)


def test_yarn_not_truncated() -> None:
    found = frequencies("yarn", **YARN, truncate=False)

    def place(turns: float) -> float:
        """The fraction of a pair that turns so often in 64 positions: PLAIN at i, solved."""
        return -R / 2 * math.log(2 * math.pi * turns / 64) / math.log(BASE)

    first, last = place(4), place(1)
    assert (round(first, 2), round(last, 2)) == (1.22, 3.02)
    kept = np.array([min(max((last - i) / (last - first), 0), 1) for i in range(6)])
    np.testing.assert_allclose(found, kept * PLAIN + (1 - kept) * PLAIN / 4, rtol=1e-12)


def test_yarn_at_the_ends() -> None:
    """The ramp begins at the first pair at the earliest, ends at the last channel, and may
    have no width; then it is a step."""
    low = frequencies("yarn", factor=4.0, original_context=8, beta_fast=4.0, beta_slow=1.0)
    np.testing.assert_allclose(low / PLAIN, [1, *[1 / 4] * 5], rtol=1e-13)
    step = frequencies("yarn", factor=4.0, original_context=5, beta_fast=4.0, beta_slow=1.0)
    np.testing.assert_allclose(step / PLAIN, [1, *[1 / 4] * 5], rtol=1e-13)
    high = frequencies("yarn", factor=4.0, original_context=10**9, beta_fast=1e7, beta_slow=1e-9)
    kept = 1 - np.clip((np.arange(6) - 3) / (11 - 3), 0, 1)
    np.testing.assert_allclose(high / PLAIN, kept + (1 - kept) / 4, rtol=1e-13)


def test_yarn_ramp_without_a_width_is_a_thousandth_wide() -> None:
    """Both its ends at "pair 0.9995": pair 1 is half way."""
    turns = 1000 / (2 * math.pi) / BASE ** (2 * 0.9995 / R)
    found = frequencies(
        "yarn", factor=4.0, original_context=1000, beta_fast=turns, beta_slow=turns, truncate=False
    )
    expected = [1, (1 + 1 / 4) / 2, *[1 / 4] * 4]
    np.testing.assert_allclose(found / PLAIN, expected, rtol=1e-9)


def test_longrope_changes_lists_beyond_the_original_context() -> None:
    short, long = (1.0, 1.1, 1.2, 1.3, 1.4, 1.5), (2.0, 3.0, 4.0, 5.0, 6.0, 7.0)
    numbers = {"original_context": 20, "short_factors": short, "long_factors": long}
    np.testing.assert_allclose(
        frequencies("longrope", 20, **numbers), PLAIN / np.array(short), rtol=1e-15
    )
    np.testing.assert_allclose(
        frequencies("longrope", 21, **numbers), PLAIN / np.array(long), rtol=1e-15
    )


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"kind": "linar"}, "model.rope_scaling.kind = 'linar'"),
        ({"kind": "linear", "factor": 0.0}, "factor = 0.0"),
        ({"kind": "linear", "factor": math.nan}, "factor = nan"),
        ({"kind": "linear", "factor": math.inf}, "factor = inf"),
        ({"kind": "yarn", "original_context": 8, "attention_factor": -1.0}, "attention_factor"),
        ({"kind": "yarn", "original_context": 8, "beta_fast": 0.0}, "beta_fast"),
        ({"kind": "yarn", "original_context": 8, "beta_slow": -2.0}, "beta_slow"),
        ({"kind": "llama3", "original_context": 8, "low_frequency_factor": 0.0}, "low_freq"),
        ({"kind": "llama3", "original_context": 8, "high_frequency_factor": 0.0}, "high_freq"),
        ({"kind": "llama3", "original_context": 8, "low_frequency_factor": 4.0}, "must be below"),
        ({"kind": "dynamic"}, "original_context = 0: dynamic needs"),
        ({"kind": "longrope", "original_context": -1}, "original_context = -1"),
        ({"kind": "linear", "original_context": -1}, "original_context = -1"),
        ({"kind": "longrope", "original_context": 8, "short_factors": (0.0,)}, "positive"),
        ({"kind": "longrope", "original_context": 8, "long_factors": (math.inf,)}, "positive"),
    ],
)
def test_impossible_numbers(numbers: dict, message: str) -> None:
    with pytest.raises(MinilmError, match=message):
        RopeScaling(**numbers)


def test_numbers_at_their_limits() -> None:
    largest = {"short_factors": (1e30,), "long_factors": (1e30,)}
    RopeScaling("longrope", factor=1e30, original_context=1, **largest).check(2, 8)
    for numbers in ({"factor": 1.1e30}, {"short_factors": (1.1e30,)}, {"long_factors": (1.1e30,)}):
        with pytest.raises(MinilmError):
            RopeScaling("longrope", original_context=1, **numbers)


def test_what_does_not_fit_the_model() -> None:
    longrope = RopeScaling("longrope", 1.0, 8, short_factors=(1.0,) * 3, long_factors=(1.0,) * 3)
    longrope.check(6, 100)
    with pytest.raises(MinilmError, match="longrope needs 4 short_factors and long_factors"):
        longrope.check(8, 100)
    uneven = RopeScaling("longrope", 1.0, 8, short_factors=(1.0,) * 3, long_factors=(1.0,) * 2)
    with pytest.raises(MinilmError, match="longrope needs 3"):
        uneven.check(6, 100)
    dynamic = RopeScaling("dynamic", 2.0, 8)
    dynamic.check(2, 8)
    dynamic.check(4, 9)
    with pytest.raises(MinilmError, match="more than one pair"):
        dynamic.check(2, 9)


def test_every_kind_is_tested_here() -> None:
    assert KINDS == ("none", "linear", "dynamic", "yarn", "llama3", "longrope")
