"""``minilm pretrain`` from the command line, on a model of a few numbers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from minilm.cli.main import main

TINY = (
    *("model.n_layer=1", "model.n_head=1", "model.n_embd=8", "model.block_size=8"),
    *("batch_size=2", "evaluate_every=2", "estimate_windows=2", "warmup_steps=1"),
    *("sample.max_tokens=5", "sample.prompt=the"),
)


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    """A file of words to learn."""
    path = tmp_path_factory.mktemp("text") / "words.txt"
    path.write_text("the cat sat on the mat and the dog sat on the log\n" * 40)
    return path


def words(text, out, steps=4):
    settings = [f"--set={setting}" for setting in (*TINY, f"training.steps={steps}")]
    return ["pretrain", "shakespeare-char-cpu", "--data", str(text), "--out", str(out), *settings]


def test_without_a_terminal_it_writes_lines_and_a_report(text, tmp_path, capsys):
    run = tmp_path / "run"
    assert main(words(text, run)) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "\x1b" not in out
    for line in ("measuring this machine", "training", "shakespeare-char-cpu: "):
        assert line in out
    assert "step 2   validation " in out
    assert "bits per byte (order" in out
    assert f"run   {run}" in out
    assert "next  minilm sample" in out
    assert (run / "config.toml").exists()


def test_json_is_one_object_and_all_else_goes_to_standard_error(text, tmp_path, capsys):
    run = tmp_path / "run"
    assert main([*words(text, run), "--json", "--seed", "7"]) == 0
    out, err = capsys.readouterr()
    report = json.loads(out)
    assert out.count("\n") == 1
    assert "measuring this machine" in err
    assert report["run"] == str(run)
    assert report["steps"] == 4
    for key in ("seconds", "val_loss", "val_bpb", "baseline_bpb", "tokens_per_second"):
        assert report[key] > 0
    assert report["baseline"].startswith("n-gram of order ")
    assert report["peak_memory_bytes"] > 1e6
    assert "seed = 7\n" in (run / "config.toml").read_text()


def test_resume_goes_on_and_quiet_is_quiet(text, tmp_path, capsys):
    run = tmp_path / "run"
    assert main([*words(text, run), "--json", "--quiet"]) == 0
    first = capsys.readouterr()
    assert main(["pretrain", "--resume", str(run), "--json", "--quiet"]) == 0
    again = capsys.readouterr()
    assert first.err == again.err == ""
    assert json.loads(first.out)["val_loss"] == json.loads(again.out)["val_loss"]


@pytest.mark.parametrize(
    "extra", [["docs-tour"], ["--data", "x"], ["--out", "x"], ["--set", "steps=1"], ["--seed", "1"]]
)
def test_resume_refuses_what_would_be_another_run(extra, capsys):
    assert main(["pretrain", "--resume", "runs/x", *extra]) == 2
    err = capsys.readouterr().err
    assert "--resume goes on with a run as it was begun: leave out" in err


def test_plot_draws_a_picture(text, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    path = tmp_path / "loss.png"
    assert main([*words(text, tmp_path / "run"), "--quiet", "--plot", str(path)]) == 0
    assert path.read_bytes().startswith(b"\x89PNG")


def test_an_impossible_plot_is_refused_before_training(text, tmp_path, capsys):
    run = tmp_path / "run"
    assert main([*words(text, run), "--plot", str(tmp_path / "loss.txt")]) == 2
    assert not run.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals between processes")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_saves_and_says_how_to_go_on(number, code, text, tmp_path):
    run = tmp_path / "run"
    command = [sys.executable, "-m", "minilm.cli", *words(text, run, steps=10**6), "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    metrics = run / "metrics.jsonl"
    while process.poll() is None and not (metrics.exists() and '"train"' in metrics.read_text()):
        time.sleep(0.05)
    os.kill(process.pid, number)
    out, err = process.communicate()
    assert process.returncode == code, err
    report = json.loads(out)
    assert report["interrupted"] is True
    assert 0 < report["steps"] < 10**6
    assert report["next_commands"] == [f"minilm pretrain --resume {run}"]
    assert b"once more to leave at once" in err
    assert list(run.glob("step-*"))
