"""The final report: its figures, its widths, and what it leaves out."""

from __future__ import annotations

import io

import pytest
from rich.cells import cell_len

from minilm.cli.curve import Curve
from minilm.cli.report import print_report

REPORT = {
    "run": "runs/docs-tour-1",
    "recipe": "docs-tour",
    "parameters": 1_853_760,
    "steps": 1000,
    "planned_steps": 1000,
    "seconds": 93.2,
    "compile_seconds": 31.2,
    "val_loss": 1.25,
    "val_bpb": 1.8125,
    "val_accuracy": None,
    "baseline": "n-gram of order 5",
    "baseline_loss": 1.3242,
    "baseline_bpb": 1.9109,
    "baseline_accuracy": None,
    "tokens_per_second": 21_400.0,
    "gflops": 62.0,
    "peak_share": 0.71,
    "peak_memory_bytes": 410_000_000,
    "predicted_memory_bytes": 400_000_000,
    "sample": "The value\x1b[2J of a name is bound when the statement is executed, as is usual.",
    "interrupted": False,
    "next_commands": ["minilm sample runs/docs-tour-1 --prompt 'The '"],
}
CURVE = Curve([(step, 5 - step / 300) for step in range(1, 1001)], [(500, 3.0), (1000, 2.0)])


def printed(width, monkeypatch, curve=CURVE, **changes):
    monkeypatch.setenv("COLUMNS", str(width))
    stream = io.StringIO()
    print_report({**REPORT, **changes}, curve, stream)
    return stream.getvalue()


def test_figures_stand_beside_the_baseline(monkeypatch):
    text = printed(80, monkeypatch)
    assert text.split("\n")[1:9] == [
        "docs-tour: 1.85 M parameters, 1000 steps in 1 min 33 s",
        "",
        "  validation   1.2500 nats per token, 1.8125 bits per byte",
        "  best n-gram  1.3242 nats per token, 1.9109 bits per byte (order 5)",
        "  margin       0.0984 bits per byte better than the n-gram",
        "  speed        21.4 k tokens/s, 62.0 GFLOP/s, 71 % of this machine's",
        "               matrix-multiply peak",
        "  memory       410 MB at most, 400 MB predicted",
    ]
    assert "The value\\x1b[2J of a name" in text
    assert text.split("\n")[-3:] == [
        "run   runs/docs-tour-1",
        "next  minilm sample runs/docs-tour-1 --prompt 'The '",
        "",
    ]


def test_a_model_that_loses_to_counting_is_told_so(monkeypatch):
    assert "0.0875 bits per byte worse" in printed(80, monkeypatch, baseline_bpb=1.725)


def test_masked_tokens_are_told_by_their_share(monkeypatch):
    masked = {
        "val_bpb": None,
        "val_accuracy": 0.523,
        "baseline": "bidirectional n-gram",
        "baseline_bpb": None,
        "baseline_accuracy": 0.401,
    }
    lines = printed(100, monkeypatch, **masked).split("\n")
    assert lines[3:6] == [
        "  validation   1.2500 nats per masked token, 52.3 % of them right",
        "  best n-gram  1.3242 nats per masked token, 40.1 % of them right (bidirectional n-gram)",
        "  margin       12.2 points better than the n-gram",
    ]
    worse = printed(100, monkeypatch, **{**masked, "baseline_accuracy": 0.6})
    assert "7.7 points worse than the n-gram" in worse
    only_nats = {"baseline_bpb": None, "val_bpb": None}
    assert "0.0742 nats per token better" in printed(100, monkeypatch, **only_nats)


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_nothing_but_paths_and_commands_is_wider_than_the_terminal(width, monkeypatch):
    lines = printed(width, monkeypatch, run="runs/" + "x" * 300).split("\n")
    assert max(cell_len(line) for line in lines if not line.startswith(("run ", "next"))) <= width
    assert all(line == line.rstrip() for line in lines)
    assert f"run   runs/{'x' * 300}" in lines


def test_a_terminal_of_the_type_dumb_has_a_width_too(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("COLUMNS", "50")
    stream = Terminal()
    print_report(REPORT, CURVE, stream)
    figures = stream.getvalue().split("\nrun ")[0].split("\n")
    assert 40 < max(map(cell_len, figures)) <= 50


def test_an_interrupted_run_says_where_it_stopped_and_how_to_go_on(monkeypatch):
    text = printed(
        80,
        monkeypatch,
        curve=Curve([], []),
        steps=412,
        interrupted=True,
        val_loss=None,
        val_bpb=None,
        sample="",
        next_commands=["minilm pretrain --resume runs/docs-tour-1"],
    )
    assert "stopped after step 412 of 1000" in text
    assert "next  minilm pretrain --resume runs/docs-tour-1" in text
    for absent in ("validation", "n-gram", "what it writes", "loss in nats", "None"):
        assert absent not in text


def test_figures_that_are_not_known_are_left_out(monkeypatch):
    text = printed(80, monkeypatch, tokens_per_second=0.0, compile_seconds=0.0, baseline_loss=None)
    for absent in ("speed", "compiling", "best n-gram", "margin"):
        assert absent not in text
    assert "validation" in text
