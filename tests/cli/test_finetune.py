"""The commands of fine-tuning: reports for people and programs, refusals in one line."""

import io
import json
import sys
from pathlib import Path

import pytest

import minilm
from minilm.backend import using
from minilm.cli.main import main
from minilm.recipes import Recipe, override

SETTINGS = ["--set", "steps=6", "--set", "evaluate_every=3", "--set", "batch_size=4"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cli")
    (folder / "text.txt").write_text("warm rain and cold snow, one after the other\n" * 50)
    (folder / "other.txt").write_text("another text, of another kind of words\n" * 50)
    lines = [{"text": f"{'rain' if i % 2 else 'snow'} {i}", "label": i % 2} for i in range(20)]
    (folder / "train.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    sizes = ["n_layer=1", "n_head=2", "n_embd=16", "block_size=16", "steps=2", "batch_size=2"]
    recipe = override(Recipe(), [*sizes, "evaluate_every=1", f"source={folder / 'text.txt'}"])
    with using("reference"):
        minilm.pretrain(recipe, out=folder / "run")
        data = str(folder / "train.jsonl")
        settings = SETTINGS[1::2]
        minilm.finetune(folder / "run", data, out=folder / "labels", settings=settings)
    return folder


def _main(*words: object) -> int:
    with using("reference"):
        return main([str(word) for word in words])


def test_the_report_for_a_person(folder: Path, tmp_path: Path, capsys) -> None:
    data = folder / "train.jsonl"
    words = ["finetune", folder / "run", "--data", data, "--test", data, "--out", tmp_path / "x"]
    assert _main(*words, *SETTINGS, "--layer-decay", "0.5", "--freeze", "1", "--seed", 4) == 0
    out, _ = capsys.readouterr()
    assert "16 texts to learn from, 4 to choose when to stop" in out
    assert "20 test texts" in out
    for name in ("pretrained", "the same from random weights"):
        assert f"\n{name} " in out
    assert "16 of 20 test texts are training texts too" in out
    assert "(rows)" in out
    assert f"minilm classify {tmp_path / 'x'}" in out
    config = (tmp_path / "x" / "config.toml").read_text()
    assert "layer_decay = 0.5" in config
    assert "frozen = 1" in config
    assert "seed = 4" in config


def test_json(folder: Path, tmp_path: Path, capsys) -> None:
    words = ["--data", folder / "train.jsonl", "--out", tmp_path / "x", "--json", *SETTINGS]
    assert _main("finetune", folder / "run", *words) == 0
    out, err = capsys.readouterr()
    record = json.loads(out)
    assert record["judged_on"] == "validation"
    assert record["labels"] == ["0", "1"]
    assert len(record["pretrained"]["confusion"]) == 2
    assert record["random"]["gain_error"] >= 0
    assert "nats/text" in err


def test_it_goes_on_with_a_run(folder: Path, capsys) -> None:
    assert _main("finetune", "--resume", folder / "labels", "--json") == 0
    record = json.loads(capsys.readouterr().out)
    assert record["run"] == str(folder / "labels")
    assert record["steps"] == 6


def test_classify(folder: Path, capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _main("classify", folder / "labels", "rain 3") == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert {line.split()[0] for line in lines} == {"0", "1"}
    shares = [float(line.split()[1]) for line in lines]
    assert sum(shares) == pytest.approx(100, abs=0.2)
    assert shares[0] >= shares[1]

    assert _main("classify", folder / "labels", "rain 3", "snow 4", "--json") == 0
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [record["text"] for record in records] == ["rain 3", "snow 4"]
    for record in records:
        assert sum(record["probabilities"].values()) == pytest.approx(1, rel=1e-5)
        assert record["probability"] == max(record["probabilities"].values())
        assert record["probabilities"][record["label"]] == record["probability"]

    stdin = io.TextIOWrapper(io.BytesIO(b"rain 3\nsnow 4, which is longer than its context\n"))
    monkeypatch.setattr(sys, "stdin", stdin)
    assert _main("classify", folder / "labels", "--file", "-", "--top", 1) == 0
    out, err = capsys.readouterr()
    assert [line.split("\t")[1][:6] for line in out.splitlines()] == ["rain 3", "snow 4"]
    assert "only their beginnings count" in err


def test_mistakes_in_one_line(folder: Path, tmp_path: Path, capsys) -> None:
    (tmp_path / "gap.txt").write_text("rain\n\nsnow\n")
    (tmp_path / "none.txt").write_text("")
    (tmp_path / "odd.txt").write_bytes(b"rain\xff")
    labels, run, data = folder / "labels", folder / "run", folder / "train.jsonl"
    for words, message in (
        (["classify", labels], "give texts to label"),
        (["classify", labels, "x", "--file", "-"], "give texts to label"),
        (["classify", labels, ""], "text 1 is empty"),
        (["classify", run, "x"], "was pretrained, not fine-tuned"),
        (["classify", labels, "--file", tmp_path / "gap.txt"], "gap.txt:2: the line is empty"),
        (["classify", labels, "--file", tmp_path / "none.txt"], "none.txt is empty"),
        (["classify", labels, "--file", tmp_path / "odd.txt"], "not UTF-8 at byte 4"),
        (["classify", labels, "--file", tmp_path / "absent"], "cannot read"),
        (["finetune", run], "--data is missing"),
        (["finetune", "--data", data], "RUN is missing"),
        (["finetune", run, "--resume", labels], "leave out RUN"),
        (["finetune", "--resume", labels, "--layer-decay", "0.5"], "leave out --layer-decay"),
        (["finetune", "--resume", labels, "--set", "steps=3"], "leave out --set"),
        (["finetune", "--resume", run], "minilm pretrain --resume"),
        (["finetune", labels, "--data", data], "minilm classify"),
        (["finetune", run, "--data", data, "--task", "rank"], "--task"),
        (["finetune", run, "--data", data, "--pooling", "max"], "objective.pooling = 'max'"),
        (["finetune", run, "--data", data, "--out", folder / "run"], "holds a run already"),
        (["pretrain", "--from", run], "--from needs the new text"),
        (["pretrain", "docs-tour", "--from", run, "--data", "x"], "leave out RECIPE"),
        (["pretrain", "--from", run, "--resume", run], "leave out --from"),
    ):
        assert _main(*words) == 2, words
        err = capsys.readouterr().err.strip()
        assert message in err, (words, err)
        assert "\n" not in err


def test_pretraining_is_continued(folder: Path, tmp_path: Path, capsys) -> None:
    words = ["--from", folder / "run", "--data", folder / "other.txt", "--out", tmp_path / "more"]
    assert _main("pretrain", *words, "--set", "steps=4", "--seed", 3) == 0
    out = capsys.readouterr().out
    table = out[out.index("bits per byte   before") :].splitlines()
    assert [line.split()[0] for line in table[1:3]] == ["old", "new"]
    assert float(table[2].split()[3]) < 0
    assert table[2].endswith("other.txt")

    assert _main("pretrain", *words[:-1], tmp_path / "json", "--json", "--set", "steps=2") == 0
    record = json.loads(capsys.readouterr().out)
    assert [domain["name"] for domain in record["domains"]] == ["old", "new"]
    assert record["base"] == str(folder / "run")
