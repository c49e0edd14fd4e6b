"""Against `tokenizers` and `tiktoken`: the same merges, the same ids, the same files."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minilm.reference.bpe_pieces import LETTER, NUMBER, SPACE
from minilm.tokenizers import BPETokenizer, load
from minilm.tokenizers.bpe import gpt2_files
from minilm.tokenizers.bpe.code_points import classes
from minilm.tokenizers.bpe.patterns import EXPRESSIONS, PATTERNS

pytestmark = pytest.mark.oracle
tokenizers = pytest.importorskip("tokenizers")
tiktoken = pytest.importorskip("tiktoken")

SPECIALS = ["<|endoftext|>", "<|fim|>"]
PROSE = (
    "It's the cat that we'll see; they've 1234 naïve cats, I'D say 'tis WE'RE. \u00a0x\n\n"
    "  猫が好き, Привет мир! def f(x):\n\treturn x**2  # 😀👩‍👩‍👧 <|endoftext|>\r\n\r\n"
    "   \u2028ſ 'ſ ²½\n"
)
texts = st.text(st.characters(exclude_categories=["Cs"])) | st.lists(
    st.sampled_from([*"the cat'sSſlLvVeE12 \n\r\t!<|>", "  ", "\u00a0", "猫", "и", "😀", *SPECIALS])
    | st.characters(exclude_categories=["Cs"])
).map("".join)


def engine_of(pattern: str):
    """A `tokenizers` tokenizer without merges."""
    pre = tokenizers.pre_tokenizers
    engine = tokenizers.Tokenizer(tokenizers.models.BPE())
    if pattern == "gpt2":
        engine.pre_tokenizer = pre.ByteLevel(add_prefix_space=False)
    else:
        split = pre.Split(tokenizers.Regex(EXPRESSIONS[pattern]), "isolated")
        bytes_only = pre.ByteLevel(add_prefix_space=False, use_regex=False)
        engine.pre_tokenizer = pre.Sequence([split, bytes_only])
    engine.decoder = tokenizers.decoders.ByteLevel()
    return engine


def trained_engine(documents: list[str], vocab_size: int, pattern: str, least: int = 0):
    engine = engine_of(pattern)
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=vocab_size,
        min_frequency=least,
        special_tokens=SPECIALS,
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    engine.train_from_iterator(documents, trainer)
    return engine


def tiktoken_of(tokenizer: BPETokenizer):
    ranks = {token: i for i, token in enumerate(tokenizer.vocabulary.tokens) if token}
    return tiktoken.Encoding(
        "ours",
        pat_str=EXPRESSIONS[tokenizer.pattern],
        mergeable_ranks=ranks,
        special_tokens=tokenizer.special_tokens,
    )


@pytest.fixture(scope="module", params=PATTERNS)
def ours(request: pytest.FixtureRequest) -> BPETokenizer:
    return BPETokenizer.train([PROSE * 2], 420, pattern=request.param, special_tokens=SPECIALS)


@pytest.fixture(scope="module")
def peers(ours: BPETokenizer):
    engine = tokenizers.Tokenizer.from_str(ours.to_json())
    plain = tokenizers.Tokenizer.from_str(ours.to_json())
    plain.encode_special_tokens = True
    return engine, plain, tiktoken_of(ours)


def test_letters_numbers_and_white_space_are_those_of_tiktoken() -> None:
    """Every code point: those that an expression does not match are dropped by tiktoken."""
    text = "".join(chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000)
    ranks = {bytes([value]): value for value in range(256)}
    for kind, expression in ((LETTER, r"\p{L}"), (NUMBER, r"\p{N}"), (SPACE, r"\s")):
        peer = tiktoken.Encoding("x", pat_str=expression, mergeable_ranks=ranks, special_tokens={})
        found = bytes(peer.encode_ordinary(text)).decode()
        assert np.array_equal(np.flatnonzero(classes() == kind), [ord(c) for c in found])


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("seed", range(6))
def test_merges_equal_those_of_tokenizers(pattern: str, seed: int) -> None:
    generator = random.Random(seed)
    alphabet = ["ab ", "abcd efg\n", PROSE, "aab  '\n12é漢ſ"][seed % 4]
    documents = [
        "".join(generator.choices(alphabet, k=generator.randrange(0, 400))) for _ in range(5)
    ]
    least = seed % 3
    engine = trained_engine(documents, 380, pattern, least)
    found = BPETokenizer.train(
        documents, 380, pattern=pattern, special_tokens=SPECIALS, min_frequency=least
    )
    assert found.to_dict()["model"]["merges"] == json.loads(engine.to_str())["model"]["merges"]


@settings(max_examples=300)
@given(texts)
def test_ids_equal_those_of_both(ours: BPETokenizer, peers, text: str) -> None:
    engine, plain, peer = peers
    ids = ours.encode(text).tolist()
    assert ids == plain.encode(text).ids
    assert ids == peer.encode_ordinary(text)
    honoured = ours.encode(text, special="honour").tolist()
    assert honoured == engine.encode(text).ids
    assert honoured == peer.encode(text, allowed_special="all")
    assert plain.decode(ids, skip_special_tokens=False) == peer.decode(ids) == ours.decode(ids)


@pytest.mark.parametrize("plane", range(17))
def test_ids_of_every_character(ours: BPETokenizer, peers, plane: int) -> None:
    codes = [c for c in range(plane << 16, plane + 1 << 16) if not 0xD800 <= c < 0xE000]
    for between in ("", " a", "\n"):
        text = between.join(map(chr, codes))
        ids = ours.encode(text).tolist()
        assert ids == peers[2].encode_ordinary(text)
        if not between:
            assert ids == peers[1].encode(text).ids


@pytest.mark.parametrize(
    "text",
    [
        "".join(map(chr, range(256))),
        "ab" * 500_000,
        "the cat " * 20_000,
        "x" * 100_000 + " " * 100_000 + "\n" * 1000,
        "".join(random.Random(1).choices("thecasonй猫", k=300_000)),
    ],
    ids=["bytes", "letters", "words", "runs", "random"],
)
def test_ids_of_long_texts(ours: BPETokenizer, peers, text: str) -> None:
    ids = ours.encode(text).tolist()
    assert ids == peers[1].encode(text).ids
    assert ids == ours.encode(text, threads=2).tolist()
    assert ids == peers[2].encode_ordinary(text)


def test_half_of_surrogate_pairs_as_tiktoken_replaces_them(ours: BPETokenizer, peers) -> None:
    for text in ("a\ud800b", "\udc00\ud800", "\ud83d\ude00 \ude00", "\ud83d"):
        expected = peers[2].encode_ordinary(text)
        assert ours.encode(text, errors="replace").tolist() == expected


def test_the_file_is_what_tokenizers_would_write(ours: BPETokenizer, tmp_path) -> None:
    path = tmp_path / "tokenizer.json"
    ours.save(path)
    engine = tokenizers.Tokenizer.from_file(str(path))
    assert engine.to_str(pretty=True) == path.read_text(encoding="utf-8")


def test_a_file_that_tokenizers_wrote(ours: BPETokenizer, tmp_path) -> None:
    """With its special tokens in front."""
    engine = trained_engine([PROSE * 2], 420, ours.pattern)
    engine.save(str(tmp_path / "tokenizer.json"))
    found = load(tmp_path)
    assert isinstance(found, BPETokenizer)
    assert found.special_tokens == {"<|endoftext|>": 0, "<|fim|>": 1}
    assert found.encode(PROSE, special="honour").tolist() == engine.encode(PROSE).ids
    engine.encode_special_tokens = True
    assert found.encode(PROSE).tolist() == engine.encode(PROSE).ids


def test_the_files_of_gpt2_both_ways(tmp_path) -> None:
    ours = BPETokenizer.train([PROSE], 350)
    gpt2_files.write(ours, tmp_path)
    model = tokenizers.models.BPE.from_file(
        str(tmp_path / "vocab.json"), str(tmp_path / "merges.txt")
    )
    engine = tokenizers.Tokenizer(model)
    engine.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    assert engine.encode(PROSE).ids == ours.encode(PROSE).tolist()
    written = [(tmp_path / name).read_bytes() for name in ("vocab.json", "merges.txt")]
    model.save(str(tmp_path))
    assert [json.loads((tmp_path / "vocab.json").read_bytes())] == [json.loads(written[0])]
    assert (tmp_path / "merges.txt").read_bytes() == written[1]
    assert gpt2_files.read(tmp_path).encode(PROSE).tolist() == ours.encode(PROSE).tolist()
