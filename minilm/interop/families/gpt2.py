"""GPT-2 (Radford et al., 2019): learned positions, LayerNorm, tanh GELU, tied head.

Its linear maps are stored (in, out) already, and queries, keys and values in one matrix,
so nothing is transposed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from minilm.interop.family import UNGATED, Family, activation, common_dropout, foreign_activation
from minilm.interop.fields import Field
from minilm.interop.layout import Piece, plain
from minilm.models.config import GPTConfig

__all__ = ["FAMILY"]

FIELDS = (
    Field("vocab_size", "vocab_size"),
    Field("n_positions", "block_size"),
    Field("n_layer", "n_layer"),
    Field("n_head", "n_head"),
    Field("n_embd", "n_embd"),
    Field("n_inner", "n_hidden", 0),
    Field("activation_function", "activation", "gelu_new", str),
    Field("layer_norm_epsilon", "norm_eps", 1e-5, float),
    Field("resid_pdrop", "dropout", 0.1, float),
    Field("embd_pdrop", "dropout", 0.1, float),
    Field("attn_pdrop", "dropout", 0.1, float),
    Field("tie_word_embeddings", "tied_head", True, bool),
    Field("scale_attn_weights", "scores over sqrt(D)", True, bool, (True,)),
    Field("scale_attn_by_inverse_layer_idx", "only false", False, bool, (False,)),
    Field("reorder_and_upcast_attn", "precision only: no effect", False, bool),
    Field("add_cross_attention", "only false", False, bool, (False,)),
)


def _config(values: Mapping[str, Any], names: Collection[str]) -> GPTConfig:
    return GPTConfig(
        vocab_size=values["vocab_size"],
        block_size=values["n_positions"],
        n_layer=values["n_layer"],
        n_head=values["n_head"],
        n_embd=values["n_embd"],
        n_hidden=values["n_inner"],
        activation=activation(values["activation_function"], "activation_function"),
        norm_eps=values["layer_norm_epsilon"],
        dropout=common_dropout(values, "resid_pdrop", "embd_pdrop", "attn_pdrop"),
        tied_head=values["tie_word_embeddings"],
    )


def _describe(config: GPTConfig) -> dict[str, Any]:
    c = config
    return {
        "vocab_size": c.vocab_size,
        "n_positions": c.block_size,
        "n_layer": c.n_layer,
        "n_head": c.n_head,
        "n_embd": c.n_embd,
        "n_inner": c.hidden_size,
        "activation_function": foreign_activation(c.activation),
        "layer_norm_epsilon": c.norm_eps,
        "resid_pdrop": c.dropout,
        "embd_pdrop": c.dropout,
        "attn_pdrop": c.dropout,
        "tie_word_embeddings": c.tied_head,
    }


def _pieces(config: GPTConfig) -> Iterator[Piece]:
    yield Piece("transformer.wte.weight", "token_embedding.weight")
    yield Piece("transformer.wpe.weight", "position_embedding.weight")
    for i in range(config.n_layer):
        theirs, ours = f"transformer.h.{i}", f"blocks.{i}"
        yield from plain(f"{theirs}.ln_1", f"{ours}.norm_1", bias=True)
        yield from plain(f"{theirs}.attn.c_attn", f"{ours}.attention.qkv", bias=True)
        yield from plain(f"{theirs}.attn.c_proj", f"{ours}.attention.projection", bias=True)
        yield from plain(f"{theirs}.ln_2", f"{ours}.norm_2", bias=True)
        yield from plain(f"{theirs}.mlp.c_fc", f"{ours}.mlp.up", bias=True)
        yield from plain(f"{theirs}.mlp.c_proj", f"{ours}.mlp.down", bias=True)
    yield from plain("transformer.ln_f", "final_norm", bias=True)
    if not config.tied_head:
        yield Piece("lm_head.weight", "head.weight", transposed=True)


FAMILY = Family(
    model_type="gpt2",
    architectures=("GPT2LMHeadModel", "GPT2Model", "GPT2DoubleHeadsModel"),
    fields=FIELDS,
    config=_config,
    describe=_describe,
    pieces=_pieces,
    needs={
        "architecture": ("gpt",),
        "position": ("learned",),
        "norm": ("layer_norm",),
        "activation": UNGATED,
        "block": ("pre_norm",),
        "bias": (True,),
        "qkv_bias": (True,),
        "projection_bias": (True,),
        "qk_norm": (False,),
        "grouped": (False,),
        "wide": (False,),
    },
    prefix="transformer.",
    copies=("*.attn.bias", "*.attn.masked_bias", "lm_head.weight"),
    left_out=("multiple_choice_head.*",),
    tied={"lm_head.weight": "transformer.wte.weight"},
)
