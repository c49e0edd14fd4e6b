"""The text of an evaluation: that of the run's own validation, document by document."""

from pathlib import Path

import numpy as np
import pytest

from minilm import corpus
from minilm.corpus.building import build, parse
from minilm.corpus.shards import open_shards
from minilm.errors import MinilmError
from minilm.models.architectures import build as build_model
from minilm.recipes import Recipe, override
from minilm.recipes.held_out import held_out, own_text
from minilm.recipes.loading import Parts
from minilm.recipes.text import prepare
from minilm.tokenizers import BytesTokenizer, CharTokenizer


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for i in range(20):
        (tmp_path / f"{i}.txt").write_text(f"document {i} is about é and nothing else\n" * (i + 1))
    return tmp_path


def _parts(source: Path | str, tokenizer, **settings) -> Parts:
    recipe = override(Recipe(), [f"source={source}", "n_layer=1", "n_embd=8", "n_head=1"])
    recipe = override(recipe, [f"{key}={value}" for key, value in settings.items()])
    model = build_model(recipe.model.changed(vocab_size=tokenizer.vocab_size))
    return Parts(model, tokenizer, 0, recipe)


@pytest.mark.parametrize("seed", [0, 7])
def test_it_is_the_validation_split_of_training_whatever_the_seed(folder: Path, seed: int) -> None:
    parts = _parts(folder, BytesTokenizer(), seed=seed)
    of_training = prepare(parts.recipe.data, "x")  # as a run does
    found = held_out(own_text("RUN", parts), parts, None)
    np.testing.assert_array_equal(np.concatenate(found.documents), of_training.validation.ids)
    assert found.name == f"validation split of {folder}"
    assert len(found.documents) == len(found.texts()) > 1
    for ids, text in zip(found.documents, found.texts(), strict=True):
        assert ids[-1] == 256
        assert text.startswith("document ")
        assert found.bytes_per_id[ids].sum() == len(text.encode())


def test_every_token_of_a_document_is_asked_for(folder: Path) -> None:
    parts = _parts(folder, BytesTokenizer())
    found = held_out(own_text("RUN", parts), parts, None)
    for request, ids in zip(found.requests(), found.documents, strict=True):
        assert request.first == 0
        assert request.ids.tolist() == [256, *ids.tolist()]


def test_other_data_is_taken_whole(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "a.txt").write_text("one")
    (other / "b.txt").write_text("two!")
    parts = _parts(folder, BytesTokenizer())
    found = held_out(None, parts, str(other))
    assert found.texts() == ["one", "two!"]
    assert found.name == str(other)
    assert held_out(None, parts, "python-docs").texts()[0] == corpus.load("python-docs")[0].text


def test_without_a_token_that_begins_a_text_the_first_is_given(folder: Path) -> None:
    (folder / "one.txt").write_text("abcab")
    parts = _parts(folder, CharTokenizer.train(["abc"], with_end_of_text=False))
    (request,) = held_out(None, parts, str(folder / "one.txt")).requests()
    assert len(request.ids) == 5
    (folder / "one.txt").write_text("a")
    with pytest.raises(MinilmError, match="no token to predict"):
        held_out(None, parts, str(folder / "one.txt")).requests()


def test_documents_without_an_end_of_text_stay_apart(folder: Path) -> None:
    texts = [path.read_text() for path in folder.iterdir()]
    parts = _parts(folder, CharTokenizer.train(texts, with_end_of_text=False))
    found = held_out(own_text("RUN", parts), parts, None)
    assert found.texts() == held_out(own_text("RUN", parts), parts, None).texts()
    assert len(found.documents) > 1
    assert set(found.texts()) <= set(texts)


def test_text_that_has_changed_is_refused(folder: Path) -> None:
    parts = _parts(folder, BytesTokenizer(), sha256="0" * 64)
    with pytest.raises(MinilmError, match=r"is not the one that data\.sha256 names"):
        own_text("RUN", parts)
    with pytest.raises(MinilmError, match="RUN was imported and has no text of its own"):
        own_text("RUN", _parts("", BytesTokenizer()))


def test_shards_give_their_validation_documents(folder: Path, tmp_path: Path) -> None:
    source = '[[source]]\nname = "docs"\nembedded = "python-docs"\nmax_bytes = 60_000\n'
    out = tmp_path / "shards"
    build(parse(source + "[split]\nvalidation = 0.2\n"), out, workers=1)
    shards = open_shards(out)
    own = _parts(out, shards.tokenizer, **{"data.tokenizer": "shards"})
    for found in (
        held_out(own_text("RUN", own), own, None),
        held_out(None, _parts(folder, shards.tokenizer), str(out)),
    ):
        assert found.name == f"validation split of {out}"
        assert len(found.documents) == shards.val.n_documents > 0
        np.testing.assert_array_equal(np.concatenate(found.documents), np.asarray(shards.val))
