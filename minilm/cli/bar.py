"""One line that is redrawn while something long goes on: what it is, how far, how much longer.

step 3/10 ━━━━━━━━━━━━━━╸───────────────────────────  34 %  1:12 left
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import TextIO

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.text import Text

from minilm.cli.formatting import clock
from minilm.cli.progress import is_live

__all__ = ["REFRESHES_PER_SECOND", "Bar", "bar_line", "cut", "showing"]

REFRESHES_PER_SECOND = 4
# Beyond this a longer bar tells nothing more.
WIDEST_BAR = 60
NARROWEST_BAR = 8


def bar_line(
    labels: tuple[str, ...],
    done: float,
    seconds_left: float | None,
    width: int,
    *,
    ascii_only: bool = False,
) -> Text:
    """The first of `labels` that leaves room for a bar, the bar, and the time left.

    Parameters
    ----------
    done : float
        From 0 to 1.

    Examples
    --------
    >>> bar_line(("training 1/4", "1/4"), 0.25, 9.0, 40, ascii_only=True).plain
    'training 1/4 ===-------  25 %  0:09 left'
    """
    after = f" {100 * done:3.0f} %" + (
        "" if seconds_left is None else f"  {clock(seconds_left)} left"
    )
    for label in labels:
        before = f"{label} "
        room = min(width - len(before) - len(after), WIDEST_BAR)
        if room >= NARROWEST_BAR:
            break
    else:
        return cut(f"{labels[-1]}{after}", width)
    full, half, empty = ("=", "=", "-") if ascii_only else ("━", "╸", "─")
    halves = round(2 * room * done)
    filled = full * (halves // 2) + half * (halves % 2)
    line = Text(before, no_wrap=True)
    line.append(filled, "green")
    line.append(empty * (room - len(filled)), "dim")
    return line.append(after)


def cut(text: str, width: int) -> Text:
    """As much of the text as fits."""
    return Text(text[: max(0, width)], no_wrap=True)


class Bar:
    """Draws itself as one line; rich asks for it again and again.

    The time left counts from the first steady moment on: what comes before may be faster.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._label = "starting"
        self._done = 0.0
        self._first: tuple[float, float] | None = None
        self._last = (0.0, 0.0)

    def show(self, label: str, done: float, *, steady: bool = False) -> None:
        """What goes on now, and what share of the whole is done before it."""
        self._label, self._done = label, min(1.0, done)
        if steady:
            self._last = (self._now(), self._done)
            self._first = self._first or self._last

    def seconds_left(self) -> float | None:
        """At the pace of the steady part; None before one is known."""
        if self._first is None or self._last[1] <= self._first[1]:
            return None
        pace = (self._last[0] - self._first[0]) / (self._last[1] - self._first[1])
        return max(0.0, pace * (1 - self._last[1]) - (self._now() - self._last[0]))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield bar_line(
            (self._label,),
            self._done,
            self.seconds_left(),
            options.max_width,
            ascii_only=options.ascii_only,
        )


@contextlib.contextmanager
def showing(stream: TextIO) -> Iterator[Bar]:
    """A bar on a terminal, which it leaves as it was; in a pipe one that nobody sees."""
    bar = Bar()
    if not is_live(stream):
        yield bar
        return
    console = Console(file=stream, highlight=False, markup=False, soft_wrap=False)
    with Live(bar, console=console, refresh_per_second=REFRESHES_PER_SECOND, transient=True):
        # A process that is killed cannot give the cursor back, so it is never taken away.
        console.show_cursor(True)
        yield bar
