"""The corpus benchmarks at a small size: what they plant is what they find."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest

from benchmarks import corpus_generated, corpus_planted, corpus_stages, corpus_training


def test_what_was_planted_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("_COMPRESSED", 0.7), ("_MEMBER", 40), ("_CUT", 0.3)):
        monkeypatch.setattr(corpus_planted, name, value)
    result = corpus_generated.run(tmp_path, megabytes=2.5, seed=3, workers=1)
    rows = {row["kind"]: row for row in result["rows"]}
    for kind in ("spam", "quoting", "exact", "near", "mojibake", "the rest"):
        assert rows[kind]["planted"] > 5, kind
        assert rows[kind]["precision"] >= 0.99, kind
        assert kind == "near" or rows[kind]["recall"] == 1, kind
    assert rows["fault: compression"]["planted"] > 3
    for kind in corpus_generated.FAULTS:
        assert rows[f"fault: {kind}"]["recall"] == rows[f"fault: {kind}"]["precision"] == 1
    pairs = sum(row["pairs"] for row in result["bands"])
    assert pairs == rows["near"]["planted"]
    assert all(abs(row["deviations"]) < 4 for row in result["bands"])
    assert result["peak_bytes"] < 10**9
    table = corpus_generated.table(result)
    assert "all processes together held" in table
    assert "signatures" in table


def test_the_same_seed_gives_the_same_corpus(tmp_path: Path) -> None:
    found = []
    for name in ("a", "b"):
        corpus_generated.plant(tmp_path / name, 0.5, seed=9)
        files = sorted((tmp_path / name).rglob("*.*"))
        found.append([(path.name, path.read_bytes()) for path in files])
    assert found[0] == found[1]


def test_the_archive_shares_nothing_with_what_is_held_out() -> None:
    generator = corpus_training.random.Random(1)
    documents = list(islice(corpus_training.clean_documents(), 120))
    clean, held_out = corpus_training.hold_out(documents, generator)
    assert {d.id for d in clean}.isdisjoint(d.id for d in held_out)
    assert len(clean) + len(held_out) == len(documents)
    judged = set().union(*(corpus_training._runs(d.text) for d in held_out))
    assert judged
    archive = corpus_training.archive(clean, generator)
    assert all(judged.isdisjoint(corpus_training._runs(d.text)) for d in archive)
    size, raw = (sum(len(d.text) for d in side) for side in (clean, archive))
    assert 4.5 < raw / size < 6


def test_the_stages_keep_what_datatrove_keeps() -> None:
    pytest.importorskip("datatrove")
    pytest.importorskip("spacy")
    pytest.importorskip("orjson")
    rows = {row["what"]: row for row in corpus_stages.compare(24, 1)}
    assert list(rows) == list(corpus_stages.STAGES)
    assert {row["differ from datatrove"] for row in rows.values()} == {0}
    assert rows["near copies"]["kept"] < rows["exact copies"]["kept"] < rows["read"]["kept"] == 24
    chain = rows["all in turn"]
    assert chain["differ from datatrove, our words"] == 0
    assert 0 < chain["kept"] < rows["near copies"]["kept"]
