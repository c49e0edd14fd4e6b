"""Tokenizers of other libraries that our BPE runs: the ids of `tokenizers`, without it."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from minilm.errors import MinilmError
from minilm.tokenizers import BPETokenizer, load
from minilm.tokenizers.bpe.imported import ImportedBPE
from minilm.tokenizers.hugging_face import HuggingFaceTokenizer

PROSE = (
    "It's the cat that we'll see; they've 1234 naïve cats, I'D say 'tis WE'RE. \u00a0x\n\n"
    "  猫が好き, Привет мир! def f(x):\n\treturn x**2  # 😀👩‍👩‍👧 \r\n\r\n   \u2028ſ 'ſ ²½\n"
)
NAMES = ["<|begin|>", "<|end|>", "<|end|>x", "\t\t", "tool"]
pieces = st.sampled_from([*"the cat'sSſ12 \n\r\t!<|>", "the ", "猫", "😀", "e\u0301", *NAMES])
texts = st.lists(pieces | st.characters(exclude_categories=["Cs"])).map("".join)


def trained(pattern: str) -> dict[str, Any]:
    return BPETokenizer.train([PROSE * 2], 400, pattern=pattern, special_tokens=[]).to_dict()


def added(i: int, name: str, **options: bool) -> dict[str, Any]:
    plain = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return {"id": i, "content": name, "special": True, **plain, **options}


def template(*names: str, fields: dict[str, Any]) -> dict[str, Any]:
    """A post_processor; "A" is the text."""
    ids = {token["content"]: token["id"] for token in fields["added_tokens"]}
    kind = {True: "Sequence", False: "SpecialToken"}
    return {
        "type": "TemplateProcessing",
        "single": [{kind[name == "A"]: {"id": name, "type_id": 0}} for name in names],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}],
        "special_tokens": {
            name: {"id": name, "ids": [ids[name]], "tokens": [name]}
            for name in names
            if name in ids
        },
    }


def like_gpt2() -> dict[str, Any]:
    """As on the hub: the end of text is also in the vocabulary, merges are text."""
    fields = trained("gpt2")
    size = len(fields["model"]["vocab"])
    fields["model"]["vocab"]["<|end|>"] = size
    fields["added_tokens"] = [added(size, "<|end|>", normalized=True)]
    fields["model"]["merges"] = [" ".join(pair) for pair in fields["model"]["merges"]]
    fields["model"] |= {"continuing_subword_prefix": "", "end_of_word_suffix": ""}
    fields["post_processor"] = {
        "type": "ByteLevel",
        "add_prefix_space": True,
        "trim_offsets": False,
        "use_regex": True,
    }
    return fields


def like_llama3() -> dict[str, Any]:
    """Merges may be passed over, and each text begins with a token."""
    fields = trained("cl100k")
    size = len(fields["model"]["vocab"])
    fields["added_tokens"] = [added(size + i, name) for i, name in enumerate(NAMES)]
    fields["added_tokens"][4]["special"] = False
    fields["model"]["ignore_merges"] = True
    byte_level = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False}
    fields["post_processor"] = {
        "type": "Sequence",
        "processors": [
            {**byte_level, "use_regex": True},
            template("<|begin|>", "A", "<|end|>", "tool", fields=fields),
        ],
    }
    return fields


def like_gpt4() -> dict[str, Any]:
    """What the expression does not match is removed, which is nothing."""
    fields = trained("cl100k")
    fields["pre_tokenizer"]["pretokenizers"][0] |= {"behavior": "Removed", "invert": True}
    return fields


def like_roberta() -> dict[str, Any]:
    """Tokens around the text, and merges in an order that training would not give."""
    fields = trained("gpt2")
    random.Random(1).shuffle(fields["model"]["merges"])
    size = len(fields["model"]["vocab"])
    fields["added_tokens"] = [added(size, "<|begin|>"), added(size + 1, "<|end|>")]
    fields["post_processor"] = {
        "type": "RobertaProcessing",
        "sep": ["<|end|>", size + 1],
        "cls": ["<|begin|>", size],
        "trim_offsets": True,
        "add_prefix_space": False,
    }
    return fields


AROUND = {"type": "BertProcessing", "sep": ["<|end|>", 1], "cls": ["<|end|>", 1]}
KINDS = {"gpt2": like_gpt2, "llama3": like_llama3, "gpt4": like_gpt4, "roberta": like_roberta}


@pytest.fixture(scope="module", params=KINDS)
def described(request: pytest.FixtureRequest) -> dict[str, Any]:
    return KINDS[request.param]()


@pytest.fixture(scope="module")
def ours(described: dict[str, Any]) -> HuggingFaceTokenizer:
    return HuggingFaceTokenizer(described, {"eos_token": "<|end|>"})


def test_the_package_is_not_needed(
    ours: HuggingFaceTokenizer, monkeypatch: pytest.MonkeyPatch, tmp_path
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "tokenizers", None)
    ids = ours.encode(PROSE + "<|end|>")
    assert ids.dtype == ours.dtype
    assert ours.decode(ids) == PROSE + "<|end|>"
    assert ours.encode("").size == 0
    assert ids.size <= ours.encode_whole(PROSE + "<|end|>").size
    ours.save(tmp_path / "tokenizer.json")
    again = load(tmp_path)
    assert again.to_dict() == ours.to_dict()
    assert again.encode(PROSE).tolist() == ours.encode(PROSE).tolist()


@pytest.mark.oracle
@settings(max_examples=150, deadline=None)
@given(texts)
@example(PROSE)
@example("<|end|>x<|end|>  tool<|begin|>")
def test_ids_are_those_of_the_package(
    described: dict[str, Any], ours: HuggingFaceTokenizer, text: str
) -> None:
    package = pytest.importorskip("tokenizers")
    if "engine" not in ours.__dict__:
        ours.__dict__["engine"] = package.Tokenizer.from_str(json.dumps(described))
    engine = ours.__dict__["engine"]
    assert ours.encode(text).tolist() == engine.encode(text, add_special_tokens=False).ids
    assert ours.encode_whole(text).tolist() == engine.encode(text).ids
    assert "_engine" not in ours.__dict__


def test_what_stands_around_a_text() -> None:
    assert ImportedBPE(like_gpt2()).around == ([], [])
    assert ImportedBPE(like_gpt4()).around == ([], [])
    size = len(trained("gpt2")["model"]["vocab"])
    assert ImportedBPE(like_roberta()).around == ([size], [size + 1])
    size = len(trained("cl100k")["model"]["vocab"])
    assert ImportedBPE(like_llama3()).around == ([size], [size + 1, size + 4])


@pytest.mark.parametrize(
    "step",
    [
        {"type": "Other"},
        {},
        3,
        {"type": "RobertaProcessing", "cls": ["a", 1]},
        {"type": "RobertaProcessing", "cls": ["a", "1"], "sep": ["a", 2]},
        {"type": "TemplateProcessing", "single": [], "special_tokens": {}},
        {"type": "Sequence", "processors": [{"type": "Other"}]},
        {"type": "Sequence", "processors": [AROUND, AROUND]},
    ],
)
def test_an_unknown_way_to_stand_alone_is_left_to_the_package(
    step: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "tokenizers", None)
    tokenizer = HuggingFaceTokenizer(like_gpt2() | {"post_processor": step}, {})
    assert tokenizer.encode("the cat").size
    with pytest.raises(MinilmError, match=r"pip install 'minilm\[hf\]'"):
        tokenizer.encode_whole("the cat")


def unreachable(fields: dict[str, Any]) -> None:
    """A token that merges do not make, but Llama 3's look-up would find."""
    fields["model"]["merges"] = [pair for pair in fields["model"]["merges"] if pair != ["t", "h"]]
    fields["model"]["merges"] = [pair for pair in fields["model"]["merges"] if "th" not in pair]


def renumbered(fields: dict[str, Any]) -> None:
    """An id that `tokenizers`, which counts on from the vocabulary, would not give."""
    fields["added_tokens"][4]["id"] += 1


def in_a_merge(fields: dict[str, Any]) -> None:
    left = next(left for left, _ in fields["model"]["merges"] if len(left) > 1)
    fields["added_tokens"].append(added(fields["model"]["vocab"][left], left))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (unreachable, "no merges lead to"),
        (renumbered, "has the id"),
        (in_a_merge, "a special token"),
        (lambda fields: fields["added_tokens"][1].update(lstrip=True), "takes spaces"),
        (lambda fields: fields["added_tokens"][0].update(content=""), "has the id"),
        (lambda fields: fields.update(normalizer={"type": "NFC"}), "normalizer"),
    ],
)
def test_what_might_give_other_ids_is_refused(spoil: Any, message: str) -> None:
    fields = like_llama3()
    ImportedBPE(fields)
    spoil(fields)
    with pytest.raises(MinilmError, match=message):
        ImportedBPE(fields)


def test_mixed_passes_over_the_text_are_refused() -> None:
    """`tokenizers` looks for tokens that are not normalized first, wherever they begin."""
    fields = like_llama3()
    fields["added_tokens"][2]["normalized"] = True
    with pytest.raises(MinilmError, match="normalized"):
        ImportedBPE(fields)
