"""The corpus benchmarks at a small size: what they plant is what they find."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from benchmarks import corpus_generated, corpus_stages, corpus_training


def test_what_was_planted_is_found(tmp_path: Path) -> None:
    result = corpus_generated.run(tmp_path, megabytes=4, seed=3, workers=1)
    rows = {row["kind"]: row for row in result["rows"]}
    for kind in ("spam", "quoting", "exact", "near", "mojibake", "the rest"):
        assert rows[kind]["planted"] > 5, kind
        assert rows[kind]["precision"] >= 0.99, kind
        assert kind == "near" or rows[kind]["recall"] == 1, kind
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
    documents = list(corpus_training.clean_documents())[:120]
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
    rows = list(corpus_stages.compare(60, 1))
    with contextlib.suppress(ImportError):
        import orjson  # noqa: F401

        assert len(rows) == 4
    assert {row["differ"] for row in rows} == {0}
    assert rows[-1]["what"] == "near copies"
    assert rows[-1]["kept"] < 60
