"""Corpus recipes: what they mean, and what is refused."""

from pathlib import Path

import pytest

from minilm.corpus.building import load, parse
from minilm.corpus.building.config import names
from minilm.corpus.building.filtering import check_rules
from minilm.corpus.mixture import Share
from minilm.errors import MinilmError

DOCS = '[[source]]\nname = "docs"\nembedded = "python-docs"\n'
FULL = """
name = "archive"
description = "All of it"
seed = 3
[[source]]
name = "letters"
path = "letters"
weight = 2
epochs = 1.5
[[source]]
name = "docs"
embedded = "python-docs"
weight = 1.0
max_bytes = 1000
[cleaning]
white_space = true
[filters]
c4 = true
[deduplication]
near = false
[decontamination]
against = ["held-out.txt", "python-docs", "/far/away.txt"]
n = 8
[split]
validation = 0.25
seed = 9
[tokenizer]
name = "bpe"
vocab_size = 300
[shards]
max_tokens = 1000
"""


def test_a_recipe_is_read(tmp_path: Path) -> None:
    (tmp_path / "corpus.toml").write_text(FULL)
    recipe = load(tmp_path / "corpus.toml")
    assert (recipe.name, recipe.description, recipe.seed) == ("archive", "All of it", 3)
    assert recipe.shares == (Share("letters", 2.0, 1.5, None), Share("docs", 1.0, 1.0, 1000))
    assert recipe.sources[0].path == str(tmp_path / "letters")
    assert recipe.deduplication is not None
    assert (recipe.deduplication.exact, recipe.deduplication.near) == (True, False)
    assert recipe.decontamination is not None
    # Paths are the recipe's, names and absolute paths are not.
    against = (str(tmp_path / "held-out.txt"), "python-docs", "/far/away.txt")
    assert recipe.decontamination.against == against
    assert (recipe.split.validation, recipe.split.seed) == (0.25, 9)
    assert (recipe.tokenizer.name, recipe.tokenizer.vocab_size) == ("bpe", 300)
    assert recipe.shards.max_tokens == 1000
    assert recipe.tree["source"][0]["path"] == "letters"


def test_what_is_left_out_is_not_done(tmp_path: Path) -> None:
    (tmp_path / "small.toml").write_text(DOCS)
    recipe = load(tmp_path / "small.toml")
    assert recipe.name == "small"
    assert recipe.deduplication is recipe.decontamination is None
    assert not recipe.cleaning
    assert recipe.tokenizer.name == "bytes"


def test_a_weight_counts_where_it_is_written() -> None:
    assert parse(DOCS).shares[0].weight is None
    assert parse(f"{DOCS}weight = 1").shares[0].weight == 1.0


def test_a_tokenizer_is_found_beside_the_recipe(tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_text("{}")
    text = f'{DOCS}[tokenizer]\nname = "mine.json"'
    assert parse(text, tmp_path).tokenizer.name == str(tmp_path / "mine.json")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "there is no source"),
        ("x = [", "not TOML"),
        ("filtres = 1\n" + DOCS, "unknown key filtres; did you mean 'filters'?"),
        ("seed = 1.5\n" + DOCS, "seed = 1.5: expected a whole number"),
        ("name = 1\n" + DOCS, "name = 1: expected a text"),
        ("split = 1\n" + DOCS, r"split is a table: write \[split\]"),
        ("cleaning = 1\n" + DOCS, r"cleaning is a table: write \[cleaning\]"),
        (DOCS + "[split]\nvalidate = 1", "unknown key split.validate; did you mean 'validation'"),
        (DOCS + "[split]\nvalidation = 1", "split.validation = 1.0: must lie between 0 and 1"),
        (DOCS + "[split]\nvalidation = nan", "split.validation = nan: expected a number"),
        (DOCS + "[split]\nseed = true", "split.seed = True: expected a whole number"),
        (DOCS + "[tokenizer]\nname = 'bpee'", "no such file; did you mean 'bpe'?"),
        (DOCS + "[tokenizer]\nvocab_size = 0", "must be above 0"),
        (DOCS + "[tokenizer]\nmax_bytes = -1", "must not be negative"),
        (DOCS + "[shards]\nmax_tokens = 0", "must be above 0"),
        (DOCS + "[decontamination]\nn = 13", "decontamination.against is missing"),
        (DOCS + "[decontamination]\nagainst = 'x'", "expected a list of texts"),
        (DOCS + "[decontamination]\nagainst = ['x']\nn = 0", "must be above 0"),
        (DOCS + "[deduplication]\nkeep = 'longst'", "did you mean 'longest'?"),
        (DOCS + "[deduplication]\nbands = 0", "must be from 1 to 1024"),
        (DOCS + "epochs = 0", "source 'docs': epochs = 0.0: must be finite and above 0"),
        (DOCS + "paht = 'x'", "unknown key paht; did you mean 'path'?"),
    ],
)
def test_mistakes_are_named(text: str, message: str) -> None:
    with pytest.raises(MinilmError, match=message):
        parse(text)


def test_the_recipes_of_the_library_are_sound() -> None:
    for name in names():
        recipe = load(name)
        assert recipe.name == name
        check_rules(recipe)
    with pytest.raises(MinilmError, match=r"no corpus recipe 'pyton'; did you mean 'python"):
        load("pyton")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(MinilmError, match=r"cannot read the corpus recipe .*: no such file"):
        load(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_bytes(b"\xff")
    with pytest.raises(MinilmError, match="is not UTF-8"):
        load(tmp_path / "bad.toml")
    (tmp_path / "wrong.toml").write_text("seed = 'x'")
    with pytest.raises(MinilmError, match=r"wrong\.toml: seed = 'x': expected"):
        load(tmp_path / "wrong.toml")
