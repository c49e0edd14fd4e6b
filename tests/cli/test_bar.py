"""The line that is redrawn: what fits, how long it takes, and nothing in a pipe."""

from __future__ import annotations

import io

import pytest

from minilm.cli.bar import Bar, bar_line, showing


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("width", range(60))
@pytest.mark.parametrize("left", [None, 9.0, 1e5])
def test_the_line_fits_and_tells_the_share(width: int, left: float | None) -> None:
    line = bar_line(("a long label 1/2", "1/2"), 0.25, left, width).plain
    assert len(line) <= width
    if width >= 30:
        assert "25 %" in line
        assert line.startswith(("a long label 1/2", "1/2"))
    if width >= 50:
        assert line.startswith("a long label 1/2 ━")


def test_the_bar_is_as_full_as_the_share() -> None:
    for share in (0.0, 0.5, 1.0):
        line = bar_line(("x",), share, None, 28, ascii_only=True).plain
        assert (line.count("="), line.count("-")) == (round(20 * share), 20 - round(20 * share))


def test_time_left_is_that_of_the_steady_part() -> None:
    now = 100.0
    bar = Bar(now=lambda: now)
    bar.show("quick", 0.0)
    now = 101.0
    bar.show("quick", 0.4)
    assert bar.seconds_left() is None
    bar.show("steady", 0.4, steady=True)
    assert bar.seconds_left() is None
    now = 111.0
    bar.show("steady", 0.6, steady=True)
    assert bar.seconds_left() == pytest.approx(20)
    now = 116.0
    assert bar.seconds_left() == pytest.approx(15)
    now = 200.0
    assert bar.seconds_left() == 0


@pytest.mark.parametrize(("term", "live"), [("xterm", True), ("dumb", False)])
def test_only_a_terminal_that_can_redraw_sees_it(
    term: str, live: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", term)
    monkeypatch.setenv("COLUMNS", "40")
    for stream, seen in ((Terminal(), live), (io.StringIO(), False)):
        with showing(stream) as bar:
            bar.show("step 1/2", 0.5)
        assert ("step 1/2" in stream.getvalue()) == seen
