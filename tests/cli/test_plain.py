"""A run as lines: what is said, and how often."""

from __future__ import annotations

import io

from minilm.cli.plain import Plain

START = {
    "kind": "start",
    "run": "runs/r-1",
    "recipe": "r",
    "parameters": 1_853_760,
    "train_tokens": 340_000,
    "val_tokens": 33_600,
    "steps": 1000,
    "first_step": 0,
    "tokens_per_step": 2048,
    "peak_gflops": 80.0,
}


def train(step):
    return {
        "kind": "train",
        "step": step,
        "loss": 2.25,
        "tokens_per_second": 20_000.0,
        "gflops": 60.0,
        "memory_bytes": 512_000_000,
    }


def lines(records, seconds_per_record):
    now = [0.0]
    stream = io.StringIO()
    plain = Plain(stream, now=lambda: now[0])
    for record in records:
        now[0] += seconds_per_record
        plain.record(record)
    return stream.getvalue().splitlines()


def test_a_whole_run_reads_like_this():
    evaluation = {"kind": "evaluation", "step": 2, "val_loss": 1.5, "val_bpb": 2.25}
    records = [
        {"kind": "phase", "name": "compiling kernels"},
        {"kind": "compile", "kernel": "attention.forward", "done": 1, "seconds": 4.25},
        START,
        {"kind": "phase", "name": "training"},
        train(1),
        train(2),
        {**evaluation, "scope": "estimate"},
        {"kind": "checkpoint", "step": 2, "path": "step-000002"},
        {**evaluation, "scope": "whole"},
        {"kind": "end"},
    ]
    assert lines(records, 4.0) == [
        "compiling kernels",
        "   1. attention.forward (4.2 s)",
        "r: 1.85 M parameters",
        "340 k tokens of text, 33.6 k held out",
        "1000 steps of 2048 tokens",
        "run runs/r-1",
        "training",
        "step    1/1000   loss 2.2500   20.0 k tokens/s   60.0 GFLOP/s (75 % of peak)   512 MB",
        "step    2   validation 1.5000 nats/token   2.2500 bits/byte",
        "step    2   validation 1.5000 nats/token   2.2500 bits/byte   whole split",
    ]


def test_at_most_one_training_line_every_five_seconds_and_one_for_the_last_step():
    written = lines([START, *(train(step) for step in range(1, 1001))], 0.5)
    steps = [int(line[5:9]) for line in written if "loss" in line]
    assert steps == [*range(1, 1000, 10), 1000]
    assert "left" in written[-2]
    assert "left" not in written[-1]


def test_notes_cannot_break_the_lines():
    stream = io.StringIO()
    Plain(stream).note("two\nlines\x1b[2J")
    assert stream.getvalue() == "two\\nlines\\x1b[2J\n"


def test_a_note_from_a_signal_during_a_write_does_not_stop_the_run():
    class Busy(io.StringIO):
        def write(self, text):
            raise RuntimeError("reentrant call inside <_io.BufferedWriter>")

    Plain(Busy()).note("stopping after this step")
