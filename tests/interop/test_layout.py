"""Pieces: where a foreign tensor lies in our parameter, both ways."""

import numpy as np
import pytest

from minilm.interop.families import FAMILIES
from minilm.interop.layout import Piece, heads_of_three, joined, linear, plain
from minilm.models.architectures import MODELS
from minilm.models.bert_config import BERTConfig
from minilm.models.config import GPTConfig

_GPT = {"vocab_size": 11, "block_size": 6, "n_layer": 2, "n_head": 4, "n_embd": 8, "n_hidden": 5}
_LLAMA = {
    **_GPT,
    "n_kv_head": 2,
    "position": "rope",
    "norm": "rms_norm",
    "activation": "swiglu",
    "bias": False,
    "tied_head": False,
}
_BERT = {**_GPT, "pooler": True}
CONFIGS = {
    "gpt2": GPTConfig(**_GPT),
    "gpt2 untied": GPTConfig(**_GPT, tied_head=False),
    "llama": GPTConfig(**_LLAMA, head_dim=6),
    "llama biases": GPTConfig(**{**_LLAMA, "bias": True, "tied_head": True}),
    "qwen2": GPTConfig(**_LLAMA, attention_bias="qkv"),
    "qwen3": GPTConfig(**_LLAMA, qk_norm=True, head_dim=2),
    "qwen3 biases": GPTConfig(**_LLAMA, qk_norm=True, attention_bias="all"),
    "gpt_neox": GPTConfig(**_GPT, position="rope", block="parallel", tied_head=False),
    "gpt_neox no attention biases": GPTConfig(**_GPT, position="rope", attention_bias="none"),
    "bert": BERTConfig(**_BERT),
    "bert without heads": BERTConfig(**_GPT, masked_head=False, n_token_type=0),
    "roberta": BERTConfig(**_BERT, padding_id=1),
}


def _family_and_shapes(name: str):
    family, config = FAMILIES[name.split()[0]], CONFIGS[name]
    shapes = {p.name: p.shape for p in MODELS[config.architecture].declare(config)}
    return list(family.pieces(config)), shapes


@pytest.mark.parametrize("name", CONFIGS)
def test_pieces_cover_every_entry_once(name: str) -> None:
    pieces, shapes = _family_and_shapes(name)
    assert len({piece.tensor for piece in pieces}) == len(pieces)
    covered = {parameter: np.zeros(shape, int) for parameter, shape in shapes.items()}
    for piece in pieces:
        once = np.zeros(shapes[piece.parameter], int)
        n = piece.shape(once.shape)[0]
        piece.put(once, slice(0, n), np.ones(piece.shape(once.shape), int))
        covered[piece.parameter] += once
    for parameter, count in covered.items():
        assert (count == 1).all(), parameter


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("n_rows", [1, 3, 1000])
def test_there_and_back_in_blocks(name: str, n_rows: int) -> None:
    pieces, shapes = _family_and_shapes(name)
    rng = np.random.default_rng(0)
    ours = {parameter: rng.normal(size=shape) for parameter, shape in shapes.items()}
    back = {parameter: np.zeros(shape) for parameter, shape in shapes.items()}
    for piece in pieces:
        tensor = piece.get(ours[piece.parameter])
        assert tensor.shape == piece.shape(shapes[piece.parameter])
        for start in range(0, len(tensor), n_rows):
            block = tensor[start : start + n_rows]
            piece.put(back[piece.parameter], slice(start, start + len(block)), block)
    for parameter in ours:
        np.testing.assert_array_equal(back[parameter], ours[parameter], err_msg=parameter)


def test_plain_and_linear() -> None:
    ours = np.arange(6.0).reshape(2, 3)  # (in, out)
    weight, bias = plain("theirs", "ours", bias=True)
    assert (weight.tensor, weight.parameter) == ("theirs.weight", "ours.weight")
    assert (bias.tensor, bias.parameter) == ("theirs.bias", "ours.bias")
    assert weight.get(ours) is not None
    np.testing.assert_array_equal(weight.get(ours), ours)
    (weight,) = linear("theirs", "ours", bias=False)
    assert weight.shape((2, 3)) == (3, 2)
    np.testing.assert_array_equal(weight.get(ours), [[0, 3], [1, 4], [2, 5]])


def test_joined_stand_side_by_side() -> None:
    ours = np.arange(10.0).reshape(2, 5)
    q, q_bias, k, k_bias = joined({"q": 3, "k": 2}, "qkv", bias=True)
    assert [p.tensor for p in (q, q_bias, k, k_bias)] == [
        "q.weight",
        "q.bias",
        "k.weight",
        "k.bias",
    ]
    np.testing.assert_array_equal(q.get(ours), [[0, 5], [1, 6], [2, 7]])
    np.testing.assert_array_equal(k.get(ours), [[3, 8], [4, 9]])
    np.testing.assert_array_equal(k_bias.get(ours[0]), [3, 4])
    assert (k.shape((2, 5)), k_bias.shape((5,))) == ((2, 2), (2,))


def test_heads_of_three() -> None:
    """Theirs: query 0, key 0, value 0, query 1, ...; ours: query 0, query 1, key 0, ..."""
    weight, bias = heads_of_three("fused", "qkv", 2, 3, bias=True)
    ours = [f"{part}{head}{channel}" for part in "qkv" for head in "01" for channel in "abc"]
    theirs = [f"{part}{head}{channel}" for head in "01" for part in "qkv" for channel in "abc"]
    assert bias.get(np.array(ours)).tolist() == theirs
    assert weight.transposed
    assert weight.get(np.array([ours])).tolist() == [[name] for name in theirs]


def test_a_slice_is_a_view() -> None:
    """So that exporting copies nothing."""
    ours = np.zeros((4, 6))
    assert np.shares_memory(Piece("a", "b", transposed=True, rows=slice(2, 4)).get(ours), ours)
