from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from minilm.corpus.sources.lines import split
from minilm.corpus.sources.problems import Mark

content = st.lists(st.binary(max_size=6).map(lambda b: b.replace(b"x", b"\n"))) | st.lists(
    st.sampled_from([b"", b"a", b"\n", b"a\nb", b"\n\n", b"abc"])
)


@given(content, st.integers(0, 4))
def test_lines_whatever_the_blocks(blocks, limit):
    data = b"".join(blocks)
    expected = data.split(b"\n")
    if not expected[-1]:
        expected.pop()
    lines = list(split(blocks, limit))
    assert [line.number for line in lines] == list(range(1, len(expected) + 1))
    assert [line.data for line in lines] == [x if len(x) <= limit else None for x in expected]
    for line, text in zip(lines, expected, strict=True):
        assert data[line.offset : line.offset + len(text) + 1] in (text, text + b"\n")


def test_missing_bytes_drop_the_line_that_they_break():
    lines = list(split([b"a\nbro", Mark.LOST, b"c\nd", Mark.LOST], 9))
    assert [tuple(line) for line in lines] == [(1, 0, b"a", 0), (2, 5, b"c", 1)]


def test_a_long_line_is_not_held():
    def blocks():
        for _ in range(1000):
            yield bytes(10)
            held = frames.gi_frame.f_locals["held"]
            assert sum(map(len, held)) <= 30
        yield b"\nend"

    frames = split(blocks(), 25)
    assert [line.data for line in frames] == [None, b"end"]


def test_lines_know_which_loss_may_have_hurt_them():
    blocks = [b"a\nb", Mark.DOUBTFUL, b"c\nd\ne", Mark.LOST, b"f\ng\n", Mark.LOST]
    blocks += [Mark.DOUBTFUL, b"h\ni\n", Mark.LOST, b"j"]
    found = [(line.data, line.doubt) for line in split(blocks, 9)]
    expected = {b"a": 0, b"bc": 1, b"d": 1, b"f": 2, b"g": 0, b"h": 4, b"i": 4, b"j": 5}
    assert found == list(expected.items())
