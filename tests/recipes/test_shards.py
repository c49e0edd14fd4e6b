"""Pretraining on shards: the same text, the same windows, the same figures as from documents."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from minilm.backend import using
from minilm.corpus.building import build, parse
from minilm.corpus.shards import open_shards
from minilm.errors import MinilmError
from minilm.recipes import Recipe, objectives, override
from minilm.recipes import text as texts
from minilm.recipes.loading import load_parts
from minilm.recipes.pretrain import pretrain, resume
from minilm.recipes.text import prepare
from minilm.tokenizers import BytesTokenizer, CharTokenizer

SMALL = [
    *("n_layer=1", "n_head=1", "n_embd=8", "block_size=16", "steps=6", "batch_size=2"),
    *("warmup_steps=0", "evaluate_every=3", "sample.max_tokens=4", "tokenizer=shards"),
]
SOURCE = '[[source]]\nname = "docs"\nembedded = "python-docs"\nmax_bytes = 60_000\n'
REST = "[split]\nvalidation = 0.2\n[shards]\nmax_tokens = 20_000\n"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    build(parse(SOURCE + REST), folder / "out", workers=1)
    return folder / "out"


def _recipe(corpus: Path, *settings: str) -> Recipe:
    return override(Recipe(name="x"), [*SMALL, f"source={corpus}", *settings])


def test_the_text_of_shards_is_all_there(corpus: Path) -> None:
    text = prepare(_recipe(corpus).data, "x")
    shards = open_shards(corpus)
    assert len(shards.manifest.train) > 1
    assert text.digest == shards.manifest.sha256
    assert len(text.train.ids) == len(shards.train)
    assert text.validation.n_bytes == shards.n_bytes("val")
    # Bytes of text, not of end-of-text tokens, which makes bits per byte comparable.
    ids = np.asarray(text.validation.ids)
    assert int(text.bytes_per_id[ids].sum()) == text.validation.n_bytes
    assert text.validation.bits_per_byte(math.log(2)) == len(ids) / text.validation.n_bytes


def test_windows_are_those_of_the_array(corpus: Path) -> None:
    recipe = _recipe(corpus, "batch_size=300")
    text = prepare(recipe.data, "x")
    whole = np.asarray(text.train.ids)
    in_memory = replace(text, train=replace(text.train, ids=whole))
    recipe = replace(recipe, model=recipe.model.changed(vocab_size=257))
    for step in range(3):
        batch = objectives.build(recipe, text).batch(step)
        expected = objectives.build(recipe, in_memory).batch(step)
        assert (batch.inputs == expected.inputs).all()
        assert (batch.targets == expected.targets).all()


def test_a_run_on_shards_reports_and_resumes(corpus: Path, tmp_path: Path) -> None:
    with using("reference"):
        report = pretrain(_recipe(corpus), out=tmp_path / "run")
        assert report.val_bpb is not None
        assert report.val_loss is not None
        text = prepare(_recipe(corpus).data, "x")
        n_tokens = len(text.validation.ids) - 1
        ids = np.asarray(text.validation.ids)[1:]
        n_bytes = int(text.bytes_per_id[ids].sum())
        nats = report.val_loss * n_tokens / math.log(2)
        assert report.val_bpb == pytest.approx(nats / n_bytes)
        assert report.baseline_bpb is not None
        assert report.corpus_sha256 == open_shards(corpus).manifest.sha256
        parts = load_parts(tmp_path / "run")
        assert parts.tokenizer is not None
        assert parts.tokenizer.to_json() == open_shards(corpus).tokenizer.to_json()
        assert parts.recipe.data.source == str(corpus)
        again = resume(tmp_path / "run")
    assert again.val_loss == report.val_loss


def test_a_run_whose_tokenizer_was_replaced_is_refused(corpus: Path, tmp_path: Path) -> None:
    with using("reference"):
        pretrain(_recipe(corpus), out=tmp_path / "run")
        characters = "".join(map(chr, range(256)))
        CharTokenizer.train([characters], with_end_of_text=True).save(
            tmp_path / "run" / "tokenizer.json"
        )
        with pytest.raises(MinilmError, match=r"tokenizer\.json .* is not the tokenizer that made"):
            resume(tmp_path / "run")


def test_the_tokenizer_is_that_of_the_shards(corpus: Path, tmp_path: Path) -> None:
    BytesTokenizer().save(tmp_path / "same.json")
    CharTokenizer.train(["abc"]).save(tmp_path / "other.json")
    for name in ("bytes", str(tmp_path / "same.json")):
        assert prepare(_recipe(corpus, f"tokenizer={name}").data, "x").tokenizer.vocab_size == 257
    with pytest.raises(MinilmError, match=r"'bpe', and the shards of .* were made with 'bytes'"):
        prepare(_recipe(corpus, "tokenizer=bpe").data, "x")
    with pytest.raises(MinilmError, match=r"other\.json \(chars, 3 tokens\) is not the tokenizer"):
        prepare(_recipe(corpus, f"tokenizer={tmp_path / 'other.json'}").data, "x")


def test_other_shards_than_the_run_began_with_are_refused(corpus: Path) -> None:
    with pytest.raises(MinilmError, match=r"is not the one that data\.sha256 names"):
        prepare(_recipe(corpus, "sha256=" + "0" * 64).data, "x")


def test_a_text_is_no_folder_of_shards(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("some text")
    with pytest.raises(MinilmError, match=r"needs a folder of shards, and .* is none"):
        prepare(_recipe(tmp_path).data, "x")


def test_only_the_beginning_of_large_shards_is_counted(
    corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(texts, "COUNTED", 1000)
    text = prepare(_recipe(corpus).data, "x")
    assert (text.counted == np.asarray(text.train.ids)[:1000]).all()
    monkeypatch.setattr(texts, "COUNTED", 10**9)
    assert len(text.counted) == len(text.train.ids)
