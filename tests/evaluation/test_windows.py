"""Rolling windows: every input scored once, with as much context as fits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minilm.errors import MinilmError
from minilm.evaluation.windows import windows


@st.composite
def cases(draw):
    block_size = draw(st.integers(1, 12))
    stride = draw(st.integers(1, block_size))
    n_inputs = draw(st.integers(0, 60))
    return n_inputs, block_size, stride, draw(st.integers(0, n_inputs))


@given(cases())
def test_every_input_is_scored_once_and_sees_enough(case) -> None:
    n_inputs, block_size, stride, first = case
    found = windows(n_inputs, block_size, stride, first)
    assert [i for w in found for i in range(w.first, w.end)] == list(range(first, n_inputs))
    for start, begin, end in found:
        assert 0 <= start <= begin < end
        # A window is as long as it can be.
        assert end - start == min(block_size, end)
        for i in range(begin, end):
            assert i - start >= min(i, block_size - stride)


@given(cases())
def test_those_of_a_whole_text_are_the_rolling_windows_of_the_field(case) -> None:
    """One window of T, then windows that predict `stride` tokens with T - stride before them."""
    n, block_size, stride, _ = case
    expected = [(0, 0, min(n, block_size))] if n else []
    while expected and expected[-1][2] < n:
        done = expected[-1][2]
        end = min(done + stride, n)
        expected.append((end - block_size, done, end))
    assert [tuple(window) for window in windows(n, block_size, stride)] == expected


def test_a_short_text_is_one_window_whatever_the_stride() -> None:
    assert [tuple(w) for w in windows(5, 8, 1)] == [(0, 0, 5)]
    assert [tuple(w) for w in windows(8, 8, 1)] == [(0, 0, 8)]
    assert [tuple(w) for w in windows(9, 8, 1)] == [(0, 0, 8), (1, 8, 9)]


def test_an_answer_behind_a_long_question_is_one_window() -> None:
    assert [tuple(w) for w in windows(100, 10, 5, first=97)] == [(90, 97, 100)]


@pytest.mark.parametrize("stride", [0, -1, 9])
def test_a_stride_out_of_range_is_refused(stride: int) -> None:
    with pytest.raises(MinilmError, match=f"the stride is {stride}; choose a number from 1 to"):
        windows(20, 8, stride)
