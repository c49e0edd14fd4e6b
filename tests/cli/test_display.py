"""The live display: what each width has room for, and a terminal left as it was."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from minilm.cli.display import Display, lines
from minilm.cli.progress import Status

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
EVALUATION = {"kind": "evaluation", "step": 400, "val_loss": 1.75, "val_bpb": 2.525}


def train(step):
    return {
        "kind": "train",
        "step": step,
        "loss": 1.625,
        "tokens_per_second": 20_000.0,
        "gflops": 60.0,
        "memory_bytes": 512_000_000,
    }


def halfway(phase="training"):
    now = [0.0]
    status = Status(lambda: now[0])
    for record in (START, {"kind": "phase", "name": phase}, train(400), EVALUATION):
        status.update(record)
    now[0] += 10
    status.update(train(500))
    return status


def shown(status, width, **options):
    return [line.plain for line in lines(status, width, **options)]


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        (
            40,
            [
                "500/1000 ━━━━━━━───────  50 %  0:50 left",
                "loss 1.6250   validation 1.7500",
                "2.525 bits/byte   20.0 k tokens/s",
            ],
        ),
        (
            60,
            [
                "training 500/1000 ━━━━━━━━━━━━╸────────────  50 %  0:50 left",
                "loss 1.6250   validation 1.7500   2.525 bits/byte",
                "20.0 k tokens/s   60.0 GFLOP/s, 75 % of peak   512 MB",
            ],
        ),
        (
            80,
            [
                "training 500/1000 ━━━━━━━━━━━━━━━━━━━━━━╸──────────────────────  50 %  0:50 left",
                "loss 1.6250   validation 1.7500   2.525 bits/byte   20.0 k tokens/s",
                "60.0 GFLOP/s, 75 % of peak   512 MB",
            ],
        ),
        (
            200,
            [
                "training 500/1000 ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━──────────────────────────────"
                "  50 %  0:50 left",
                "loss 1.6250   validation 1.7500   2.525 bits/byte   20.0 k tokens/s"
                "   60.0 GFLOP/s, 75 % of peak   512 MB",
            ],
        ),
    ],
)
def test_each_width_has_its_fields(width, expected):
    assert shown(halfway(), width) == expected


@given(
    st.integers(1, 250),
    st.sampled_from(["training", "evaluating", "compiling kernels", "sampling"]),
    st.integers(1, 10**7),
    st.booleans(),
)
def test_no_line_is_wider_than_the_terminal(width, phase, step, ascii_only):
    status = halfway(phase)
    status.update({"kind": "compile", "kernel": "attention.forward", "done": 3, "seconds": 1.0})
    status.update(train(step))
    written = shown(status, width, ascii_only=ascii_only)
    assert 1 <= len(written) <= 3
    assert max(map(cell_len, written)) <= width
    assert not ascii_only or all(line.isascii() for line in written)


def test_compiling_counts_kernels():
    now = [0.0]
    status = Status(lambda: now[0])
    status.update({"kind": "phase", "name": "compiling kernels"})
    now[0] = 12.0
    assert shown(status, 80) == ["compiling kernels   12.0 s"]
    status.update({"kind": "compile", "kernel": "rope.forward", "done": 2, "seconds": 9.0})
    assert shown(status, 80) == ["compiling kernels   2 done   12.0 s   last: rope.forward"]


def test_the_bar_gives_way_to_the_phase_when_all_steps_are_done():
    status = halfway("evaluating")
    assert "500/1000" in shown(status, 80)[0]
    status.update(train(1000))
    assert shown(status, 80)[0].startswith("evaluating   ")


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self):
        return True


def watch(monkeypatch, **environment):
    for name, value in {"TERM": "xterm-256color", "COLUMNS": "40", **environment}.items():
        monkeypatch.setenv(name, value)
    stream = Terminal()
    with Display(stream) as display:
        display.record({"kind": "phase", "name": "compiling kernels"})
        display.record({"kind": "compile", "kernel": "a.b", "done": 1, "seconds": 1.0})
        display.record({**START, "run": "runs/\x1b[2J"})
        display.record({"kind": "phase", "name": "training"})
        display.record(train(400))
        display.record(EVALUATION)
        display.record({**EVALUATION, "step": 777, "scope": "whole"})
    return stream.getvalue()


def test_milestones_stay_and_what_is_redrawn_goes(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    written = watch(monkeypatch)
    for line in (
        "compiled 1 kernel, which the next run",
        "r: 1.85 M parameters",
        "run runs/\\x1b[2J",
        "step  400   validation 1.7500 nats/token",
    ):
        assert line in written
    assert "step  777" not in written, "the report has it"
    assert written.index("compiled 1 kernel") < written.index("r: 1.85 M")
    assert written.endswith("\x1b[2K"), "the last redrawn line is still there"


def test_the_cursor_is_never_left_hidden(monkeypatch):
    written = watch(monkeypatch)
    hidden, back = written.index("\x1b[?25l"), written.index("\x1b[?25h")
    assert written[hidden:back].strip("\x1b[?25l") == ""


def test_no_color_means_no_colour(monkeypatch):
    import re

    monkeypatch.setenv("NO_COLOR", "1")
    codes = set(re.findall(r"\x1b\[([0-9;]*)m", watch(monkeypatch)))
    assert codes <= {"0", "1", "2", ""}, "bold and dim are no colours; others are"
