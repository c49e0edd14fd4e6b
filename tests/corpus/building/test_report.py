"""The report: numbers that add up, and a page that no document can break out of."""

import html.parser
import itertools
import json
import random
import sys
from pathlib import Path
from typing import Any

import pytest

from minilm.corpus.building import build, parse, read_report
from minilm.corpus.building.page import Missing, histogram, render, write
from minilm.corpus.building.tally import EXAMPLES, Meter, Rejects, merge_rules
from minilm.corpus.documents import Document
from minilm.corpus.pipeline import Rejection
from minilm.corpus.shards import open_shards
from minilm.errors import MinilmError

ATTACK = "</pre><script>alert(1)</script><img src=x onerror=alert(2)> & \" ' é"
RECIPE = """
name = "<b>name"
description = "what & why"
[[source]]
name = "a"
path = "a.jsonl"
weight = 3
[[source]]
name = "<i>b"
path = "b.jsonl"
weight = 1
epochs = 2
on_error = "skip"
[filters.gopher_quality]
words = [5, 1000]
mean_word_length = [0, 100]
stop_words = 0
[deduplication]
[split]
validation = 0.1
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("report")
    chance = random.Random(3)
    words = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa"]
    for name in "ab":
        texts = [" ".join(chance.choices(words, k=chance.randint(20, 60))) for _ in range(50)]
        texts += [ATTACK, texts[0]]
        records = [json.dumps({"id": f"{i}{ATTACK}", "text": t}) for i, t in enumerate(texts)]
        (folder / f"{name}.jsonl").write_text("\n".join(records))
    with (folder / "b.jsonl").open("a") as file:
        file.write("\n<not json>\n")
    report = build(parse(RECIPE, folder), folder / "out", workers=1)
    return folder / "out", report


def test_the_funnel_adds_up(built: tuple[Path, dict[str, Any]]) -> None:
    out, report = built
    steps = {row["step"]: row["documents"] for row in report["funnel"]}
    assert list(steps) == [
        "read", "cleaning", "filters", "decontamination", "exact", "near", "mixture"
    ]  # fmt: skip
    assert steps["read"] == 104
    dropped = dict.fromkeys(steps, 0)
    for rule in report["rules"]:
        dropped[rule["step"]] += rule["documents"]
        assert 0 < len(rule["examples"]) <= EXAMPLES
    for before, step in itertools.pairwise(list(steps)[:-1]):
        assert steps[before] - steps[step] == dropped[step], step
    assert dropped["exact"] == 2
    assert sum(report["lengths"]["read"].values()) == 104
    assert sum(report["lengths"]["kept"].values()) == steps["near"]
    assert report["errors"]["counts"] == {"json": 1}
    assert read_report(out) == report


def test_the_mixture_is_what_was_asked(built: tuple[Path, dict[str, Any]]) -> None:
    out, report = built
    a, b = report["sources"]
    assert a["asked_bytes"] == pytest.approx(3 * b["asked_bytes"], abs=4)
    for source in (a, b):
        delivered = source["train"]["bytes"] + source["val"]["bytes"]
        assert source["asked_bytes"] - 600 < delivered <= source["asked_bytes"]
    shards = open_shards(out)
    for split in ("train", "val"):
        ids = shards.split(split)
        assert a[split]["tokens"] + b[split]["tokens"] == len(ids)
        assert a[split]["documents"] + b[split]["documents"] == ids.n_documents
        assert a[split]["bytes"] + b[split]["bytes"] == shards.n_bytes(split)
        assert report["splits"][split]["tokens"] == len(ids)


def test_every_stage_tells_its_cost(built: tuple[Path, dict[str, Any]]) -> None:
    _, report = built
    names = [stage["stage"] for stage in report["stages"]]
    assert names[:3] == ["index", "read", "cleaning"]
    assert names[-1] == "pack"
    assert all(stage["seconds"] >= 0 <= stage["cpu_seconds"] for stage in report["stages"])
    assert report["memory"] >= max(s["memory"] for s in report["stages"] if "memory" in s) > 0


class Tags(html.parser.HTMLParser):
    """Collects what a browser would make of the page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attributes}

    def handle_data(self, data: str) -> None:
        self.text += data


def test_no_document_gets_out_of_its_place_in_the_page(
    built: tuple[Path, dict[str, Any]],
) -> None:
    pytest.importorskip("jinja2")
    out, _ = built
    tags = Tags()
    tags.feed((out / "report.html").read_text(encoding="utf-8"))
    assert ATTACK in tags.text
    assert "<b>name" in tags.text
    assert not tags.tags & {"script", "img", "b", "i", "link", "iframe"}
    assert not {name for name in tags.attributes if name.startswith("on")} | (
        tags.attributes & {"src", "href"}
    )
    assert "{{" not in tags.text


def test_half_a_surrogate_pair_can_be_shown(
    built: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    pytest.importorskip("jinja2")
    report = built[1] | {"name": "a\ud800b"}
    assert "a?b" in write(tmp_path, report).read_text(encoding="utf-8")


def test_without_jinja_all_but_the_page_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, built: tuple[Path, dict[str, Any]]
) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(Missing, match=r"pip install 'minilm\[report\]'"):
        render(built[1])
    recipe = parse('[[source]]\nname = "docs"\nembedded = "python-docs"')
    build(recipe, tmp_path / "out", workers=1)
    assert open_shards(tmp_path / "out").train.n_documents > 10
    assert not (tmp_path / "out" / "report.html").exists()


def test_histograms_share_a_scale() -> None:
    lengths = {"read": {"3": 10, "6": 40}, "kept": {"3": 10}}
    read, kept = histogram(lengths, "read"), histogram(lengths, "kept")
    assert [bar["label"] for bar in read] == ["4 B", "8 B", "16 B", "32 B"]
    assert [bar["share"] for bar in read] == [0.25, 0, 0, 1]
    assert [bar["documents"] for bar in kept] == [10, 0, 0, 0]
    assert histogram({"read": {}, "kept": {}}, "read") == []


def test_a_report_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text("{}")
    with pytest.raises(MinilmError, match='has no "format"'):
        read_report(tmp_path)


def test_meters_of_parts_add_up() -> None:
    texts = ["", "a", "naïve", "x" * 1000]
    documents = [Document(str(i), text, "here") for i, text in enumerate(texts)]
    whole, parts = Meter(), Meter()
    assert list(whole.watch(documents)) == documents
    for part in (documents[:1], documents[1:]):
        meter = Meter()
        list(meter.watch(part))
        parts.merge(json.loads(json.dumps(meter.to_dict())))
    assert (whole.documents, whole.bytes) == (4, 1007) == (parts.documents, parts.bytes)
    assert whole.lengths == parts.lengths == {0: 1, 1: 1, 3: 1, 10: 1}


def test_rejects_keep_the_first_examples_and_all_counts(tmp_path: Path) -> None:
    with Rejects(tmp_path / "a.gz") as rejects:
        for i in range(10):
            rejects(Rejection(Document(str(i), "x" * i, "here"), "rule", i, 5))
    merged: dict[str, Any] = {}
    merge_rules(merged, rejects.rules)
    merge_rules(merged, rejects.rules)
    assert merged["rule"]["documents"] == 20
    assert merged["rule"]["bytes"] == 90
    assert [example["id"] for example in merged["rule"]["examples"]] == ["0", "1", "2"]
    first = (tmp_path / "a.gz").read_bytes()
    with Rejects(tmp_path / "another-name.gz") as again:
        for i in range(10):
            again(Rejection(Document(str(i), "x" * i, "here"), "rule", i, 5))
    assert (tmp_path / "another-name.gz").read_bytes() == first
    with Rejects(tmp_path / "none.gz"):
        pass
    assert not (tmp_path / "none.gz").exists()
