"""``minilm evaluate``: the report, JSON, a picture, a bar on a terminal, and mistakes."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from minilm.backend import using
from minilm.cli.evaluate import _Watch
from minilm.cli.main import main

SETTINGS = (
    *("model.n_layer=1", "model.n_head=1", "model.n_embd=8", "model.block_size=8", "batch_size=2"),
    *("training.steps=2", "evaluate_every=2", "estimate_windows=2", "warmup_steps=1"),
    *("sample.max_tokens=0", "data.tokenizer=bytes"),
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of two steps on twelve files."""
    folder = tmp_path_factory.mktemp("evaluate")
    (folder / "texts").mkdir()
    for i in range(12):
        (folder / "texts" / f"{i}.txt").write_text(f"the cat number {i} sat on the mat\n" * 5)
    words = ["pretrain", "--quiet", "--data", str(folder / "texts"), "--out", str(folder / "run")]
    with pytest.MonkeyPatch.context() as patch, using("reference"):
        patch.setattr(sys, "stdout", io.StringIO())
        assert main([*words, *(f"--set={setting}" for setting in SETTINGS)]) == 0
    return str(folder / "run")


def evaluate(capsys, *words):
    with using("reference"):
        code = main(["evaluate", *words])
    out, err = capsys.readouterr()
    return code, out, err


def test_the_report_and_the_json_say_the_same(run, capsys):
    code, out, err = evaluate(capsys, run)
    assert (code, err) == (0, "")
    code, line, _ = evaluate(capsys, run, "--json")
    assert code == 0
    assert line.count("\n") == 1
    found = json.loads(line)
    assert found["run"] == run
    assert found["step"] == 2
    for key in ("loss", "perplexity", "bits_per_byte", "top1", "top5"):
        assert f"{found['text'][key]['value']:.3f}"[:-1] in out, key
    assert f"{found['ngram']['margin']['error']:.4f}" in out
    assert sum(found["calibration"]["counts"]) == found["text"]["tokens"]
    assert len(found["calibration"]["edges"]) == 11
    assert found["tasks"] == []
    assert found["probe"] is found["gaps"] is None


def test_options_reach_the_evaluation(run, capsys, tmp_path):
    questions = tmp_path / "q.jsonl"
    questions.write_text('{"context": "the", "continuations": [" cat", " dog"], "answer": 0}\n')
    labels = tmp_path / "l.jsonl"
    labels.write_text(
        "".join(f'{{"text": "{"ab"[i % 2]}", "label": {i % 2}}}\n' for i in range(20))
    )
    words = ("--data", str(questions), "--stride", "2", "--tasks", f"agreement,{questions}")
    code, out, _ = evaluate(capsys, run, *words, "--probe", str(labels), "--json")
    assert code == 0
    found = json.loads(out)
    assert found["stride"] == 2
    assert found["data"] == str(questions)
    assert [task["name"] for task in found["tasks"]] == ["agreement", str(questions)]
    assert found["tasks"][0]["chance"] == 0.5
    assert found["text"]["loss"]["error"] is None  # NaN, of one document
    assert found["probe"]["labels"] == ["0", "1"]
    code, out, _ = evaluate(capsys, run, *words, "--probe", str(labels))
    assert code == 0
    assert "note: the text is one document" in out
    assert "final_norm" in out


def test_a_picture(run, capsys, tmp_path):
    pytest.importorskip("matplotlib")
    path = tmp_path / "calibration.png"
    code, out, _ = evaluate(capsys, run, "--plot", str(path))
    assert code == 0
    assert out.splitlines()[-1] == f"plot  {path}"
    assert path.read_bytes().startswith(b"\x89PNG")


def test_a_bar_tells_what_goes_on(run, capsys):
    shown = []

    class Bar:
        def show(self, label, done, *, steady=False):
            shown.append((label, done))

    watch = _Watch(Bar())
    watch("scoring text", 0.5)
    watch.compiled("attention.forward", 1.0)
    assert shown == [
        ("reading", 0.0),
        ("scoring text", 0.5),
        ("scoring text, compiled attention.forward", 0.5),
    ]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--tasks", "agrement"], "no task 'agrement'; did you mean 'agreement'"),
        (["--probe", "package"], "no task or file 'package'; did you mean 'packages'"),
        (["--stride", "0"], "--stride: '0' is below 1"),
        (["--stride", "9"], "the stride is 9; choose a number from 1 to the model's block_size, 8"),
        (["--data", "nothing.txt"], "nothing.txt"),
        (["--plot", "picture.bmp"], "the name must end in .png"),
        (["--plot", "nowhere/picture.png"], "there is no folder nowhere"),
        (["--task", "all"], "did you mean --tasks?"),
    ],
)
def test_mistakes_are_told_in_one_line(run, words, message, capsys):
    code, out, err = evaluate(capsys, run, *words)
    assert code == 2
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith("minilm: error: ")
    assert message in err


def test_a_bad_line_is_named(run, tmp_path, capsys):
    path = tmp_path / "q.jsonl"
    path.write_text(
        '{"context": "a", "continuations": ["b", "c"], "answer": 0}\n{"context": "a"}\n'
    )
    code, _, err = evaluate(capsys, run, "--tasks", str(path))
    assert code == 2
    assert f'{path}:2: no "continuations" but "context"' in err


def test_an_imported_encoder_has_no_calibration_to_draw(run, capsys, tmp_path):
    pytest.importorskip("matplotlib")
    config = (Path(run) / "config.toml").read_text()
    head, _, tail = config.partition("[objective]")
    tail = tail[tail.index("[optimizer]") :]
    tables = '[objective]\nname = "none"\n\n[model]\narchitecture = "bert"\n\n'
    (tmp_path / "config.toml").write_text(f"{head}{tables}{tail}")
    code, _, err = evaluate(capsys, str(tmp_path), "--plot", str(tmp_path / "a.png"))
    assert code == 2
    assert "imported encoder, of which none are asked: leave it out" in err


def test_a_folder_without_a_run(tmp_path, capsys):
    assert main(["evaluate", str(tmp_path)]) == 2
    assert "has no config.toml" in capsys.readouterr().err


def test_help_has_examples(capsys):
    assert main(["evaluate", "--help"]) == 0
    out = capsys.readouterr().out
    assert "minilm evaluate RUN --probe packages --plot calibration.png" in out
    for option in ("--data", "--tasks", "--probe", "--stride", "--plot", "--json"):
        assert option in out
