"""Numbers and text for people and programs."""

from __future__ import annotations

import json
import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minilm.cli.formatting import clock, count, duration, memory, printable, share, to_json


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (999, "999"),
        (999.6, "1.00 k"),
        (1000, "1.00 k"),
        (9996, "10.0 k"),
        (99_949, "99.9 k"),
        (999_499, "999 k"),
        (999_600, "1.00 M"),
        (1_853_760, "1.85 M"),
        (1.6e9, "1.60 G"),
        (3e15, "3000 T"),
    ],
)
def test_count_keeps_three_figures(number, text):
    assert count(number) == text


@given(st.floats(1, 9.99e14))
def test_count_is_within_half_a_unit_of_its_third_figure(number):
    figures, _, prefix = count(number).partition(" ")
    value = float(figures) * {"": 1, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}[prefix]
    assert abs(value - number) <= max(0.5, 0.0051 * number)
    assert len(figures.replace(".", "")) <= 3


def test_memory_and_share():
    assert memory(12) == "12 B"
    assert memory(6144) == "6.14 kB"
    assert share(0.996) == "100 %"
    assert share(float("nan")) == "-"


@pytest.mark.parametrize(
    ("seconds", "long", "short"),
    [
        (0, "0.0 s", "0:00"),
        (59.96, "1 min 00 s", "1:00"),
        (119.6, "2 min 00 s", "2:00"),
        (3599.6, "1 h 00 min", "1:00:00"),
        (7500, "2 h 05 min", "2:05:00"),
    ],
)
def test_times_never_show_sixty(seconds, long, short):
    assert duration(seconds) == long
    assert clock(seconds) == short


@given(st.text())
def test_printable_leaves_nothing_that_steers_a_terminal(text):
    shown = printable(text, keep="\n")
    assert all(
        unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Zl", "Zp") for c in shown if c != "\n"
    )
    shown.encode()
    assert printable("harmless: é 漢 ⣿") == "harmless: é 漢 ⣿"


def test_printable_shows_what_it_replaced():
    assert printable("\x1b[2J\u202e\ud800\u2028\n") == "\\x1b[2J\\u202e\\ud800\\u2028\\n"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.text(), json_values, max_size=3))
def test_json_is_one_line_of_ascii_without_nan(value):
    text = to_json(value)

    def refuse(constant):
        raise AssertionError(constant)

    assert isinstance(json.loads(text, parse_constant=refuse), dict)
    assert text.isascii()
    assert "\n" not in text


def test_json_takes_what_numpy_returns():
    value = {"a": np.float32(0.5), "b": np.int64(3), "c": np.bool_(True), "d": np.float64("inf")}
    assert json.loads(to_json(value)) == {"a": 0.5, "b": 3, "c": True, "d": None}
