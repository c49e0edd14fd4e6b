"""Tokenizer files of a folder: the present form, the two old ones, and ours written for others."""

import json
from pathlib import Path

import pytest

from minilm.corpus.documents import Document
from minilm.errors import MinilmError
from minilm.interop import export_run, exporting, import_folder, tokenizer_files
from minilm.models.architectures import build as build_model
from minilm.models.config import GPTConfig
from minilm.recipes.loading import load_parts
from minilm.tokenizers import build, load
from minilm.tokenizers.bpe import PATTERNS, BPETokenizer, gpt2_files
from minilm.tokenizers.byte import BytesTokenizer
from minilm.tokenizers.character import CharTokenizer
from minilm.tokenizers.hugging_face import HuggingFaceTokenizer

BERT_WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "play", "##ing", "the"]


def test_a_folder_without_any(tmp_path: Path) -> None:
    assert tokenizer_files.read(tmp_path) is None


def test_what_is_written_is_read(tmp_path: Path) -> None:
    tokenizer_files.write(BytesTokenizer(), tmp_path, block_size=8)
    tokenizer = tokenizer_files.read(tmp_path)
    assert tokenizer.end_of_text == 256
    assert [tokenizer.token_bytes(i) for i in range(256)] == [bytes([i]) for i in range(256)]
    settings = json.loads((tmp_path / "tokenizer_config.json").read_text())
    assert settings["model_max_length"] == 8
    assert settings["eos_token"] == "<|endoftext|>"


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("tokenizer.json", "{", "JSON"),
        ("tokenizer.json", "[]", "object"),
        ("tokenizer.json", "{}", "no sound vocabulary"),
        ("tokenizer_config.json", "3", "object"),
    ],
)
def test_unsound_files(file: str, content: str, message: str, tmp_path: Path) -> None:
    tokenizer_files.write(BytesTokenizer(), tmp_path, block_size=8)
    (tmp_path / file).write_text(content)
    with pytest.raises(MinilmError, match=message) as raised:
        tokenizer_files.read(tmp_path)
    assert str(tmp_path) in str(raised.value)


def test_old_forms_need_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "tokenizers", None)
    (tmp_path / "vocab.txt").write_text("\n".join(BERT_WORDS))
    with pytest.raises(MinilmError, match=r"pip install 'minilm\[hf\]'"):
        tokenizer_files.read(tmp_path)


@pytest.mark.oracle
def test_word_piece_from_its_vocabulary(tmp_path: Path) -> None:
    pytest.importorskip("tokenizers")
    (tmp_path / "vocab.txt").write_text("\n".join(BERT_WORDS), encoding="utf-8")
    tokenizer = tokenizer_files.read(tmp_path)
    assert tokenizer.encode_whole("the PLAYING").tolist() == [2, 7, 5, 6, 3]
    (tmp_path / "tokenizer_config.json").write_text('{"do_lower_case": false}')
    assert tokenizer_files.read(tmp_path).encode("PLAYING").tolist() == [1]


@pytest.mark.oracle
def test_byte_level_from_its_merges(tmp_path: Path) -> None:
    pytest.importorskip("tokenizers")
    vocabulary = {"t": 0, "h": 1, "e": 2, "th": 3, "Ġ": 4, "the": 5, "<|endoftext|>": 6}
    (tmp_path / "vocab.json").write_text(json.dumps(vocabulary), encoding="utf-8")
    (tmp_path / "merges.txt").write_text("#version: 0.2\nt h\nth e\n", encoding="utf-8")
    tokenizer = tokenizer_files.read(tmp_path)
    assert tokenizer.encode("the the").tolist() == [5, 4, 5]
    assert tokenizer.decode([5, 4, 0]) == "the t"
    assert tokenizer.end_of_text == 6
    (tmp_path / "merges.txt").write_text("no merge at all\n", encoding="utf-8")
    with pytest.raises(MinilmError, match="cannot be read"):
        tokenizer_files.read(tmp_path)


@pytest.mark.oracle
@pytest.mark.parametrize("text", ["The né 👍\n\tend", "", " a  b ", "\u0000\u007f"])
def test_ours_give_the_same_ids_to_others(text: str, tmp_path: Path) -> None:
    package = pytest.importorskip("tokenizers")
    for ours in (BytesTokenizer(), CharTokenizer.train([text + "xyz"], with_end_of_text=True)):
        tokenizer_files.write(ours, tmp_path, block_size=8)
        theirs = package.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
        ids = theirs.encode(text).ids
        assert ids == ours.encode(text).tolist()
        assert theirs.decode(ids) == text
        assert theirs.token_to_id("<|endoftext|>") == ours.end_of_text


@pytest.mark.oracle
def test_a_learned_vocabulary_gives_the_same_ids_to_others(tmp_path: Path) -> None:
    package = pytest.importorskip("tokenizers")
    text = "One for the master, one for the dame, one for the little boy down the lane. "
    ours = build("bpe", [Document("a", text * 3, "", {})], vocab_size=300)
    tokenizer_files.write(ours, tmp_path, block_size=8)
    theirs = package.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    assert theirs.encode(text).ids == ours.encode(text).tolist()
    assert tokenizer_files.read(tmp_path).encode(text).tolist() == ours.encode(text).tolist()


def without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "tokenizers", None)


def learned(pattern: str = "gpt2") -> BPETokenizer:
    text = "One for the master, one for the dame, one for the little boy down the lane. "
    return BPETokenizer.train([text * 3], 300, pattern=pattern)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_learned_vocabulary_comes_back_as_ours(
    pattern: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_the_package(monkeypatch)
    ours = learned(pattern)
    tokenizer_files.write(ours, tmp_path, block_size=8)
    again = tokenizer_files.read(tmp_path)
    assert isinstance(again, BPETokenizer)
    assert again.to_dict() == ours.to_dict()
    assert again.end_of_text == ours.end_of_text


def test_another_end_of_text_is_not_forgotten(tmp_path: Path) -> None:
    ours = BPETokenizer.train(["a b"], 258, special_tokens=["<|endoftext|>", "<|im_end|>"])
    tokenizer_files.write(ours, tmp_path, block_size=8)
    assert isinstance(tokenizer_files.read(tmp_path), BPETokenizer)
    (tmp_path / "tokenizer_config.json").write_text('{"eos_token": "<|im_end|>"}')
    again = tokenizer_files.read(tmp_path)
    assert isinstance(again, HuggingFaceTokenizer)
    assert again.end_of_text == 257


def test_gpt2s_two_files_without_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_the_package(monkeypatch)
    ours = learned()
    gpt2_files.write(ours, tmp_path)
    again = tokenizer_files.read(tmp_path)
    text = "the lane<|endoftext|>"
    assert again.encode(text).tolist() == ours.encode(text, special="honour").tolist()
    assert again.end_of_text == ours.end_of_text


def test_a_foreign_byte_level_tokenizer_through_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Imported, saved, loaded and exported as it came, and run without the package."""
    without_the_package(monkeypatch)
    ours = learned("cl100k")
    source, config = tmp_path / "source", GPTConfig(300, block_size=8, n_layer=1, n_embd=8)
    source.mkdir()
    exporting.write(build_model(config), exporting.family_of(config), source)
    tokenizer_files.write(ours, source, block_size=8)
    fields = json.loads((source / "tokenizer.json").read_text(encoding="utf-8"))
    fields["model"]["ignore_merges"] = True
    fields["post_processor"] = {
        "type": "BertProcessing",
        "cls": ["<|endoftext|>", ours.end_of_text],
        "sep": ["<|endoftext|>", ours.end_of_text],
    }
    (source / "tokenizer.json").write_text(json.dumps(fields))
    settings = {"eos_token": "<|endoftext|>", "model_max_length": 8, "chat_template": "{{ x }}"}
    (source / "tokenizer_config.json").write_text(json.dumps(settings))

    done = import_folder(source, tmp_path / "run")
    assert done.ready
    assert not done.notes
    tokenizer = load_parts(tmp_path / "run").tokenizer
    ids, end = ours.encode("One lane").tolist(), ours.end_of_text
    assert tokenizer.encode("One lane").tolist() == ids
    assert tokenizer.encode_whole("One lane").tolist() == [end, *ids, end]
    export_run(tmp_path / "run", tmp_path / "again")
    written = json.loads((tmp_path / "again" / "tokenizer.json").read_text(encoding="utf-8"))
    assert written == fields
    written = json.loads((tmp_path / "again" / "tokenizer_config.json").read_text())
    assert written.items() >= settings.items()
    with pytest.raises(MinilmError, match="holds a run already; choose another --out"):
        import_folder(source, tmp_path / "run")

    (source / "tokenizer.json").write_text(json.dumps(fields | {"normalizer": {"type": "NFC"}}))
    done = import_folder(source, tmp_path / "other")
    assert not done.ready
    assert any(r"pip install 'minilm[hf]'" in note for note in done.notes)
    assert load(tmp_path / "run" / "tokenizer.json").encode("One lane").tolist() == ids
