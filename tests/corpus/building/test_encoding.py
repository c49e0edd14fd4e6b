"""Tokenizers in a build: what they learn from, and that no text spells a special token."""

import json
import random
from pathlib import Path

import numpy as np
import pytest

from minilm import tokenizers
from minilm.corpus.building import build, parse
from minilm.corpus.building.encoding import plain_encoder
from minilm.corpus.building.learning import taught
from minilm.corpus.building.settings import TokenizerConfig
from minilm.corpus.building.store import ROW
from minilm.corpus.shards import open_shards, text_ids
from minilm.errors import MinilmError
from minilm.tokenizers import BPETokenizer, BytesTokenizer, CharTokenizer

TEXT = "so it ends: <|endoftext|><|endoftext|> and goes on <|end"


def _sources(folder: Path) -> None:
    chance = random.Random(2)
    texts = ["".join(chance.choices("abcdefgh ", k=200)) for _ in range(60)] + [TEXT * 3]
    lines = [json.dumps({"id": str(i), "text": text}) for i, text in enumerate(texts)]
    (folder / "a.jsonl").write_text("\n".join(lines))


@pytest.mark.parametrize("table", ["name = 'bpe'\nvocab_size = 290", "name = 'chars'", ""])
def test_every_tokenizer_gives_the_texts_back(tmp_path: Path, table: str) -> None:
    _sources(tmp_path)
    source = '[[source]]\nname = "a"\npath = "a.jsonl"\n[split]\nvalidation = 0.2\n'
    build(parse(f"{source}[tokenizer]\n{table}", tmp_path), tmp_path / "out", workers=1)
    shards = open_shards(tmp_path / "out")
    end = shards.manifest.end_of_text
    found = []
    for split in ("train", "val"):
        ids = shards.split(split)
        for i in range(ids.n_documents):
            document = ids.document(i)
            assert (document == end).sum() == 1
            found.append(shards.tokenizer.decode(text_ids(document, end)))
    assert len(found) == 61
    assert TEXT * 3 in found


def test_a_tokenizer_from_a_file_is_copied(tmp_path: Path) -> None:
    _sources(tmp_path)
    made = BPETokenizer.train(["abc abc abd"], 262)
    made.save(tmp_path / "mine.json")
    recipe = '[[source]]\nname = "a"\npath = "a.jsonl"\n[tokenizer]\nname = "mine.json"'
    build(parse(recipe, tmp_path), tmp_path / "out", workers=1)
    shards = open_shards(tmp_path / "out")
    shards.check_tokenizer(made, "mine")
    assert int(np.asarray(shards.train).max()) >= 256


def test_a_character_that_is_unknown_is_one_line(tmp_path: Path) -> None:
    _sources(tmp_path)
    CharTokenizer.train(["abc"], with_end_of_text=True).save(tmp_path / "few.json")
    recipe = '[[source]]\nname = "a"\npath = "a.jsonl"\n[tokenizer]\nname = "few.json"'
    with pytest.raises(MinilmError, match=r"document a/0: character '.*is not among"):
        build(parse(recipe, tmp_path), tmp_path / "out", workers=1)


def test_a_tokenizer_of_another_library_makes_no_special_tokens_of_text(tmp_path: Path) -> None:
    engine = pytest.importorskip("tokenizers")
    made = engine.Tokenizer(engine.models.WordLevel({"[UNK]": 0, "a": 1, "b": 2}, "[UNK]"))
    made.pre_tokenizer = engine.pre_tokenizers.Whitespace()
    made.add_special_tokens(["<|endoftext|>"])
    made.save(str(tmp_path / "tokenizer.json"))
    tokenizer = tokenizers.load(tmp_path)
    assert tokenizer.end_of_text in tokenizer.encode("a <|endoftext|> b")
    ids = plain_encoder(tokenizer)("a <|endoftext|> b")
    assert tokenizer.end_of_text not in ids
    assert (ids[0], ids[-1]) == (1, 2)


def test_ours_are_used_as_they_are() -> None:
    encode = plain_encoder(BytesTokenizer())
    assert bytes(encode(TEXT).astype(np.uint8)).decode() == TEXT


def test_validation_teaches_no_merges() -> None:
    rows = np.zeros(40, ROW)
    rows["bytes"] = 10
    rows["digest"] = np.arange(40)
    copies = np.arange(40) % 3
    held_out = np.arange(40) % 4 == 1
    taken = copies > 0
    for name, expected in (("bpe", taken & ~held_out), ("chars", taken)):
        chosen = taught(rows, copies, held_out, TokenizerConfig(name), 0)
        assert (chosen == expected).all()
    few = taught(rows, copies, held_out, TokenizerConfig("bpe", max_bytes=35), 0)
    assert few.sum() == 4
    assert not (few & ~(taken & ~held_out)).any()
    more = taught(rows, copies, held_out, TokenizerConfig("bpe", max_bytes=80), 0)
    assert (few <= more).all()
