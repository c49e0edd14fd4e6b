"""The how-to "Train on your own archive", followed step by step on a small archive.

Its recipe grows from section to section, so its blocks belong together.
"""

import gzip
import json
import random
import re
import shlex
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from benchmarks import corpus_dirt as dirt
from benchmarks.corpus_text import Writer
from minilm.backend import using
from minilm.cli.main import main
from minilm.recipes import Recipe, override, pretrain
from minilm.recipes.report import Report

PAGE = Path(__file__).parents[2] / "docs" / "corpus" / "archive.md"
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def _blocks(language: str) -> list[str]:
    return [
        text for kind, text in FENCE.findall(PAGE.read_text(encoding="utf-8")) if kind == language
    ]


def _archive(folder: Path) -> None:
    """What the page says there is: letters, a crawl with faults, texts to judge by."""
    texts, generator = list(islice(Writer(5, median=150).documents(), 80)), random.Random(5)
    (folder / "letters" / "1924").mkdir(parents=True)
    for i, text in enumerate(texts[:12]):
        (folder / "letters" / "1924" / f"{i}.txt").write_text(text, encoding="utf-8")
    (folder / "held-out").mkdir()
    (folder / "held-out" / "text.txt").write_text(texts[12], encoding="utf-8")
    question = json.dumps({"text": texts[13]})
    (folder / "questions.jsonl").write_text(question + "\n", encoding="utf-8")
    crawl = texts[14:60] + [dirt.edited(text, 0.95, generator) for text in texts[14:24]]
    crawl += [dirt.spam(kind, texts[60 + i], generator) for i, kind in enumerate(dirt.SPAM)]
    crawl.append(dirt.quoting(texts[40], texts[12], 20, generator))
    lines = [json.dumps({"content": text}) for text in crawl] + ["no JSON", '{"text": "no key"}']
    (folder / "crawl").mkdir()
    data = gzip.compress("\n".join(lines).encode())
    (folder / "crawl" / "a.jsonl.gz").write_bytes(data)


def _commands(block: str) -> None:
    for line in block.splitlines():
        words = shlex.split(line)
        assert words[0] == "minilm"
        with using("reference"):
            assert main(words[1:]) == 0, line


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    _archive(tmp_path)
    monkeypatch.chdir(tmp_path)
    original = pretrain.pretrain

    def small(recipe: Recipe, *, minutes: float = 0.0, **options: Any) -> Report:
        assert minutes == 60
        model = replace(recipe.model, n_layer=1, n_head=2, n_embd=16, block_size=16)
        sets = ["steps=4", "evaluate_every=2", "batch_size=2", "accumulation=1"]
        return original(override(replace(recipe, model=model), sets), **options)

    monkeypatch.setattr(pretrain, "pretrain", small)
    return tmp_path


def test_every_step_of_the_page_works(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    begin, rules, against, sources = _blocks("toml")
    build, look, train = _blocks("text")
    recipe = here / "archive.toml"

    recipe.write_text(begin, encoding="utf-8")
    _commands(build)
    _commands(look)
    report = json.loads((here / "first" / "report.json").read_bytes())
    assert report["errors"]["counts"] == {"json": 1, "key": 1}
    left = {row["step"]: row["documents"] for row in report["funnel"]}
    assert left["read"] == left["exact"] > left["near"]

    # The rest of the first block follows the sources, which the fourth block replaces.
    after = begin[begin.index("[deduplication]") :].replace("0.01", "0.2")
    small = sources.replace("8192", "300")
    recipe.write_text(small + after + rules + against, encoding="utf-8")
    _commands(train)
    report = json.loads((here / "corpus" / "report.json").read_bytes())
    rejected = {rule["rule"]: rule["documents"] for rule in report["rules"]}
    assert rejected["contaminated"] >= 1
    assert rejected["gopher_quality.words"] >= 1
    asked = {source["name"]: source["weight"] for source in report["sources"]}
    assert asked == {"letters": 1, "crawl": 3}
    assert "val" in capsys.readouterr().out
