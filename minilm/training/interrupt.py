"""Stopping when asked: the first Ctrl-C or SIGTERM is noted, the second obeyed at once."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

__all__ = ["Interruption"]


class Interruption:
    """While active, turns the signals into a flag that the loop reads between steps.

    Outside the main thread, where Python cannot set handlers, it never fires.

    Parameters
    ----------
    announce : callable, optional
        Called with one line when the first signal arrives.

    Attributes
    ----------
    signal : int or None
        The number of the signal that asked to stop.
    """

    SIGNALS = (signal.SIGINT, signal.SIGTERM)

    def __init__(self, announce: Callable[[str], None] | None = None) -> None:
        self.signal: int | None = None
        self._announce = announce
        self._previous: dict[int, Any] = {}

    def __call__(self) -> bool:
        return self.signal is not None

    def __enter__(self) -> Interruption:
        if threading.current_thread() is threading.main_thread():
            for number in self.SIGNALS:
                self._previous[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self._previous.clear()

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if self.signal is not None:
            # Not sys.exit: that would wait for whatever the first signal is waiting for.
            os._exit(128 + number)
        self.signal = number
        if self._announce:
            self._announce("stopping after this step; once more to leave at once")
