"""What is known of a run, and which way of showing it is chosen."""

from __future__ import annotations

import io
import math

import pytest

from minilm.cli.display import Display
from minilm.cli.plain import Plain
from minilm.cli.progress import Silent, Status, header, open_reporter


class Clock:
    """A clock that stands still until it is told."""

    def __init__(self):
        self.time = 100.0

    def __call__(self):
        return self.time


START = {
    "kind": "start",
    "run": "runs/r-1",
    "recipe": "r",
    "parameters": 1000,
    "train_tokens": 5000,
    "val_tokens": 500,
    "steps": 10,
    "first_step": 0,
    "tokens_per_step": 64,
    "peak_gflops": 80.0,
}


def train(step, **values):
    record = {"kind": "train", "step": step, "loss": 2.0, "tokens_per_second": 100.0}
    return {**record, "gflops": 40.0, "memory_bytes": 10**8, **values}


def test_time_left_counts_from_the_first_step_and_runs_down_between_steps():
    clock = Clock()
    status = Status(clock)
    status.update(START)
    assert status.seconds_left() is None
    clock.time += 1000  # waiting for the compiler must not count
    status.update(train(1))
    assert status.seconds_left() is None
    clock.time += 6
    status.update(train(4))
    assert status.seconds_left() == 6 / 3 * 6
    clock.time += 5
    assert status.seconds_left() == 6 / 3 * 6 - 5
    clock.time += 500
    assert status.seconds_left() == 0


def test_steps_follow_a_run_that_changes_its_mind():
    status = Status()
    assert (status.step, status.steps) == (0, 0)
    status.update({**START, "first_step": 3})
    assert (status.step, status.steps) == (3, 10)
    status.update(train(4, steps=8))
    assert (status.step, status.steps) == (4, 8)


def test_rates_are_averaged_as_times():
    status = Status()
    status.update(START)
    status.update(train(1, tokens_per_second=100.0))
    status.update(train(2, tokens_per_second=1.0))
    assert status.tokens_per_second == pytest.approx(1 / (0.9 / 100 + 0.1 / 1))
    assert status.peak_share() == pytest.approx(0.5)
    assert math.isnan(Status().peak_share())


def test_header_says_where_a_resumed_run_begins():
    assert not any("resumed" in line for line in header(START))
    assert header({**START, "first_step": 7})[-1] == "resumed after step 7"


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("stream", "term", "quiet", "kind"),
    [
        (Terminal, "xterm-256color", False, Display),
        (Terminal, "dumb", False, Plain),
        (io.StringIO, "xterm-256color", False, Plain),
        (Terminal, "xterm-256color", True, Silent),
    ],
)
def test_reporter_suits_the_stream(stream, term, quiet, kind, monkeypatch):
    monkeypatch.setenv("TERM", term)
    with open_reporter(stream(), quiet=quiet) as reporter:
        assert type(reporter) is kind


def test_silent_still_tells_notes():
    stream = io.StringIO()
    silent = Silent(stream)
    silent.record(START)
    silent.note("a checkpoint\x07 was refused")
    assert stream.getvalue() == "a checkpoint\\x07 was refused\n"
