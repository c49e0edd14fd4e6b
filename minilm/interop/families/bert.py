"""BERT (Devlin et al., 2019) and RoBERTa (Liu et al., 2019): post-norm encoders, learned
positions and segments, a head that predicts masked tokens, a pooler.

Which of the two heads a checkpoint has shows in its tensors, not in ``config.json``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import partial
from typing import Any

from minilm.interop.family import Family, activation, common_dropout, foreign_activation
from minilm.interop.fields import Field
from minilm.interop.layout import Piece, joined, linear, plain
from minilm.models.bert_config import BERTConfig

__all__ = ["BERT", "ROBERTA"]

_COMMON = (
    Field("vocab_size", "vocab_size"),
    Field("max_position_embeddings", "block_size, for RoBERTa less pad_token_id + 1"),
    Field("num_hidden_layers", "n_layer"),
    Field("num_attention_heads", "n_head"),
    Field("hidden_size", "n_embd"),
    Field("intermediate_size", "n_hidden"),
    Field("layer_norm_eps", "norm_eps", 1e-12, float),
    Field("hidden_dropout_prob", "dropout", 0.1, float),
    Field("attention_probs_dropout_prob", "dropout", 0.1, float),
    Field("type_vocab_size", "n_token_type", 2),
    Field("position_embedding_type", "only absolute", "absolute", str, ("absolute",)),
    Field("is_decoder", "only false", False, bool, (False,)),
    Field("add_cross_attention", "only false", False, bool, (False,)),
    Field("tie_word_embeddings", "only true", True, bool, (True,)),
)
FIELDS = (*_COMMON, Field("hidden_act", "activation", "gelu", str))
ROBERTA_FIELDS = (
    *_COMMON,
    # The head has GELU whatever this says, and here blocks and head have the same.
    Field("hidden_act", "activation, only gelu", "gelu", str, ("gelu", "gelu_python")),
    Field("pad_token_id", "padding_id", 1),
)

# The same tensors under the names of each family.
_BERT_HEAD = {
    "dense": "cls.predictions.transform.dense",
    "norm": "cls.predictions.transform.LayerNorm",
    "bias": "cls.predictions.bias",
}
_ROBERTA_HEAD = {"dense": "lm_head.dense", "norm": "lm_head.layer_norm", "bias": "lm_head.bias"}


def _config(
    values: Mapping[str, Any], names: Collection[str], *, prefix: str, head: Mapping[str, str]
) -> BERTConfig:
    padding = values.get("pad_token_id", -1)
    return BERTConfig(
        vocab_size=values["vocab_size"],
        block_size=values["max_position_embeddings"] - padding - 1,
        n_layer=values["num_hidden_layers"],
        n_head=values["num_attention_heads"],
        n_embd=values["hidden_size"],
        n_hidden=values["intermediate_size"],
        activation=activation(values["hidden_act"], "hidden_act"),
        n_token_type=values["type_vocab_size"],
        padding_id=padding,
        pooler=f"{prefix}pooler.dense.weight" in names,
        masked_head=f"{head['dense']}.weight" in names,
        dropout=common_dropout(values, "hidden_dropout_prob", "attention_probs_dropout_prob"),
        norm_eps=values["layer_norm_eps"],
    )


def _describe(config: BERTConfig) -> dict[str, Any]:
    c = config
    fields = {
        "vocab_size": c.vocab_size,
        "max_position_embeddings": c.block_size + c.padding_id + 1,
        "num_hidden_layers": c.n_layer,
        "num_attention_heads": c.n_head,
        "hidden_size": c.n_embd,
        "intermediate_size": c.hidden_size,
        "hidden_act": foreign_activation(c.activation),
        "layer_norm_eps": c.norm_eps,
        "hidden_dropout_prob": c.dropout,
        "attention_probs_dropout_prob": c.dropout,
        "type_vocab_size": c.n_token_type,
    }
    return fields | ({"pad_token_id": c.padding_id} if c.padding_id >= 0 else {})


def _pieces(config: BERTConfig, *, prefix: str, head: Mapping[str, str]) -> Iterator[Piece]:
    c = config
    at = f"{prefix}embeddings"
    yield Piece(f"{at}.word_embeddings.weight", "token_embedding.weight")
    yield Piece(f"{at}.position_embeddings.weight", "position_embedding.weight")
    if c.n_token_type:
        yield Piece(f"{at}.token_type_embeddings.weight", "type_embedding.weight")
    yield from plain(f"{at}.LayerNorm", "embedding_norm", bias=True)
    for i in range(c.n_layer):
        theirs, ours = f"{prefix}encoder.layer.{i}", f"blocks.{i}"
        at = f"{theirs}.attention"
        qkv = {f"{at}.self.{name}": c.n_embd for name in ("query", "key", "value")}
        yield from joined(qkv, f"{ours}.attention.qkv", bias=True)
        yield from linear(f"{at}.output.dense", f"{ours}.attention.projection", bias=True)
        yield from plain(f"{at}.output.LayerNorm", f"{ours}.norm_1", bias=True)
        yield from linear(f"{theirs}.intermediate.dense", f"{ours}.mlp.up", bias=True)
        yield from linear(f"{theirs}.output.dense", f"{ours}.mlp.down", bias=True)
        yield from plain(f"{theirs}.output.LayerNorm", f"{ours}.norm_2", bias=True)
    if c.pooler:
        yield from linear(f"{prefix}pooler.dense", "pooler.dense", bias=True)
    if c.masked_head:
        yield from linear(head["dense"], "head.dense", bias=True)
        yield from plain(head["norm"], "head.norm", bias=True)
        yield Piece(head["bias"], "head.decoder.bias")


# The positions 0, 1, 2, ...; and the decoder's weight, which is the token embedding.
_COPIES = ("*.position_ids", "*.decoder.weight", "*.decoder.bias")
# The head for the task "is this the next sentence?".
_LEFT_OUT = ("cls.seq_relationship.*",)

BERT = Family(
    model_type="bert",
    architectures=("BertForMaskedLM", "BertModel", "BertForPreTraining"),
    fields=FIELDS,
    config=partial(_config, prefix="bert.", head=_BERT_HEAD),
    describe=_describe,
    pieces=partial(_pieces, prefix="bert.", head=_BERT_HEAD),
    needs={"architecture": ("bert",), "position": ("learned",), "padding_id": (-1,)},
    prefix="bert.",
    copies=_COPIES,
    left_out=_LEFT_OUT,
    tied={
        "cls.predictions.decoder.weight": "bert.embeddings.word_embeddings.weight",
        "cls.predictions.decoder.bias": "cls.predictions.bias",
    },
)
ROBERTA = Family(
    model_type="roberta",
    architectures=("RobertaForMaskedLM", "RobertaModel"),
    fields=ROBERTA_FIELDS,
    config=partial(_config, prefix="roberta.", head=_ROBERTA_HEAD),
    describe=_describe,
    pieces=partial(_pieces, prefix="roberta.", head=_ROBERTA_HEAD),
    needs={
        "architecture": ("bert",),
        "position": ("learned",),
        "padding_id": range(2**31),
        "activation": ("gelu_exact",),
    },
    prefix="roberta.",
    copies=_COPIES,
    left_out=_LEFT_OUT,
    tied={
        "lm_head.decoder.weight": "roberta.embeddings.word_embeddings.weight",
        "lm_head.decoder.bias": "lm_head.bias",
    },
)
