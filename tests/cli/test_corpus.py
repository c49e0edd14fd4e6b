"""``minilm corpus``: what it prints, and that mistakes are one line."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console
from rich.progress import Progress

from minilm.backend import using
from minilm.cli.corpus_build import Bars, Lines
from minilm.cli.corpus_report import print_report
from minilm.cli.main import main
from minilm.objectives.batch import Batch
from minilm.objectives.next_token import NextToken

RECIPE = """
[[source]]
name = "a"
path = "a.jsonl"
[filters.gopher_quality]
words = [5, 1000]
mean_word_length = [0, 100]
lettered_words = 0
stop_words = 0
[deduplication]
[split]
validation = 0.2
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    words = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta"]
    texts = [" ".join(words[(i * j) % 8] for j in range(i, i + 20)) for i in range(30)]
    texts += ["too short\x1b[31m", texts[4]]
    records = [json.dumps({"id": f"d{i}", "text": text}) for i, text in enumerate(texts)]
    (tmp_path / "a.jsonl").write_text("\n".join(records))
    (tmp_path / "corpus.toml").write_text(RECIPE)
    return tmp_path


def _run(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(list(words)) == 0
    return capsys.readouterr().out


def _refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(list(words)) == 2
    printed = capsys.readouterr().err
    assert printed.count("\n") == 1
    return printed


def test_build_and_look(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    printed = _run(capsys, "corpus", "build", "corpus.toml", "--out", "out", "--workers", "1")
    assert "filter      1/1" in printed
    assert "what is left after each step" in printed
    assert "gopher_quality.words" in printed
    assert "minilm pretrain --data out" in printed

    printed = _run(capsys, "corpus", "inspect", "out")
    assert printed.startswith("out: whole, sha256 ")
    assert "uint16, bytes, vocabulary 257, end of text 256" in printed
    found = json.loads(_run(capsys, "corpus", "inspect", "out", "--json", "--verify"))
    assert found["train"]["documents"] + found["val"]["documents"] <= 30
    assert found["provenance"]["recipe"]["source"][0]["path"] == "a.jsonl"

    assert "what is left after each step" in _run(capsys, "corpus", "report", "out")
    report = json.loads(_run(capsys, "corpus", "report", "out", "--json"))
    assert report["funnel"][0]["documents"] == 32


def test_report_writes_the_page_anew(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("jinja2")
    _run(capsys, "corpus", "build", "corpus.toml", "--out", "out", "--workers", "1", "--quiet")
    before = (here / "out" / "report.html").read_bytes()
    (here / "out" / "report.html").unlink()
    _run(capsys, "corpus", "report", "out")
    assert (here / "out" / "report.html").read_bytes() == before


def test_sample_shows_documents_and_rejects(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _run(capsys, "corpus", "build", "corpus.toml", "--out", "out", "--workers", "1", "--quiet")
    one = _run(capsys, "corpus", "sample", "out", "--count", "2", "--characters", "10")
    assert one.count("--- train ") == 2
    assert "<|endoftext|>" not in one
    assert one == _run(capsys, "corpus", "sample", "out", "--count", "2", "--characters", "10")
    assert one != _run(capsys, "corpus", "sample", "out", "--count", "2", "--seed", "1")
    assert "--- val " in _run(capsys, "corpus", "sample", "out", "--split", "val")
    rejected = _run(capsys, "corpus", "sample", "out", "--rejected", "filters")
    assert "a/d30: gopher_quality.words" in rejected
    assert "too short\\x1b[31m" in rejected  # nothing that would steer the terminal
    named = ("--rejected", "filters", "--rule", "none")
    assert _run(capsys, "corpus", "sample", "out", *named) == "nothing was rejected there\n"


def test_json_goes_to_standard_output_alone(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["corpus", "build", "corpus.toml", "--out", "out", "--workers", "1", "--json"]
    assert main(words) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["funnel"][0]["step"] == "read"
    assert "filter      1/1" in captured.err


def test_mistakes_are_one_line(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no such file" in _refused(capsys, "corpus", "build", "no.toml", "--out", "out")
    (here / "bad.toml").write_text(RECIPE.replace("gopher_quality", "gopher_qualty"))
    printed = _refused(capsys, "corpus", "build", "bad.toml", "--out", "out")
    assert "did you mean 'gopher_quality'" in printed
    assert not (here / "out").exists()  # nothing is begun that cannot be done
    assert "no shards at out" in _refused(capsys, "corpus", "inspect", "out")
    assert "no file" in _refused(capsys, "corpus", "report", "out")
    printed = _refused(capsys, "corpus", "sample", "out", "--rejected", "filter")
    assert "did you mean 'filters'" in printed
    assert "add --rejected" in _refused(capsys, "corpus", "sample", "out", "--rule", "x")
    assert "--workers" in _refused(
        capsys, "corpus", "build", "corpus.toml", "--out", "out", "--workers", "0"
    )


def test_a_broken_line_is_named(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with (here / "a.jsonl").open("a") as file:
        file.write("\n{not json\n")
    words = ("corpus", "build", "corpus.toml", "--out", "out", "--workers", "1", "--quiet")
    assert "a.jsonl:33" in _refused(capsys, *words)


def test_pretrain_takes_the_folder(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _run(capsys, "corpus", "build", "corpus.toml", "--out", "out", "--workers", "1", "--quiet")
    sizes = ("n_layer=1", "n_head=1", "n_embd=8", "block_size=8", "steps=2", "batch_size=2")
    small = [f"--set={x}" for x in (*sizes, "warmup_steps=0", "sample.max_tokens=2")]
    with using("reference"):
        printed = _run(capsys, "pretrain", "--data", "out", *small, "--out", "run", "--quiet")
        assert "bits per byte" in printed
        data = (here / "run" / "config.toml").read_text()
        assert 'tokenizer = "shards"' in data
        refused = _refused(
            capsys, "pretrain", "--data", "out", *small, "--out", "x", "--tokenizer", "bpe"
        )
        assert "were made with 'bytes', 257 tokens" in refused
        refused = _refused(capsys, "pretrain", "--data", "out", "--set", "tokenizer=bpe", *small)
        assert "were made with 'bytes'" in refused
    path = here / "out" / "train-00000.bin"
    path.write_bytes(path.read_bytes()[:-2])
    assert "is cut short" in _refused(capsys, "pretrain", "--data", "out", *small)


def test_a_shard_that_shrinks_during_training_is_one_line_and_the_run_goes_on(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _run(capsys, "corpus", "build", "corpus.toml", "--out", "out", "--workers", "1", "--quiet")
    sizes = ("n_layer=1", "n_head=1", "n_embd=8", "block_size=8", "steps=4", "batch_size=2")
    sets = [f"--set={x}" for x in (*sizes, "warmup_steps=0", "sample.max_tokens=2")]
    path, batch = here / "out" / "train-00000.bin", NextToken.batch
    data = path.read_bytes()

    def cutting(self: NextToken, step: int) -> Batch:
        if step == 2:
            path.write_bytes(data[:-2])
        return batch(self, step)

    with using("reference"):
        with monkeypatch.context() as patch:
            patch.setattr(NextToken, "batch", cutting)
            words = ("pretrain", "--data", "out", *sets, "--set=evaluate_every=2")
            refused = _refused(capsys, *words, "--out", "run", "--quiet")
        assert "train-00000.bin was cut short while it was in use" in refused
        assert "is cut short" in _refused(capsys, "pretrain", "--resume", "run", "--quiet")
        path.write_bytes(data)
        assert "bits per byte" in _run(capsys, "pretrain", "--resume", "run", "--quiet")


def test_lines_come_when_there_is_something_to_tell() -> None:
    stream, now = io.StringIO(), [0.0]
    lines = Lines(stream, now=lambda: now[0])
    for done in range(101):
        lines.stage("filter", done, 100)
        now[0] += 1
    lines.note("a\x1bb")
    printed = stream.getvalue().splitlines()
    assert printed[0] == "filter      0/100"
    assert printed[-2:] == ["filter      100/100", "a\\x1bb"]
    assert 20 <= len(printed) <= 24
    quiet = io.StringIO()
    silent = Lines(quiet, quiet=True)
    silent.stage("filter", 0, 1)
    silent.note("read this")
    assert quiet.getvalue() == "read this\n"


def test_bars_follow_the_stages() -> None:
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=80)
    with Progress(console=console, auto_refresh=False) as progress:
        bars = Bars(progress)
        for name in ("filter", "near"):
            for done in range(3):
                bars.stage(name, done, 2)
        bars.note("[red]a note")
        assert [(task.description, task.completed) for task in progress.tasks] == [
            ("filter", 2),
            ("near", 2),
        ]
    assert "[red]a note" in stream.getvalue()


def test_many_rules_are_cut_short() -> None:
    rules = [
        {"step": "filters", "rule": f"r{i}", "documents": 100 - i, "bytes": 1, "examples": []}
        for i in range(20)
    ]
    counts = {"documents": 1, "bytes": 1, "tokens": 1, "shards": 1}
    report = {
        "name": "x",
        "funnel": [{"step": "read", "documents": 0, "bytes": 0}],
        "rules": rules,
        "sources": [],
        "splits": {"train": counts, "val": counts},
        "stages": [],
        "errors": {"counts": {"json": 2}, "examples": {"json": ["a.jsonl:3: bad\x1b"]}},
        "seconds": 1.0,
        "workers": 2,
        "memory": 10,
    }
    stream = io.StringIO()
    print_report(report, "some where", stream)
    printed = stream.getvalue()
    assert "r11" in printed
    assert "r12" not in printed
    assert "and 8 more rules" in printed
    assert "not read (json): 2" in printed
    assert "a.jsonl:3: bad\\x1b" in printed
    assert "minilm pretrain --data 'some where'" in printed
