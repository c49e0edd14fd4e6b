"""GPT-NeoX (Black et al., 2022) and Pythia (Biderman et al., 2023): a parallel residual,
rotary positions on a share of the channels, LayerNorm, an untied head.

Queries, keys and values are stored head by head, where ours stand all queries first.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from minilm.errors import MinilmError
from minilm.interop import rope_parameters
from minilm.interop.family import UNGATED, Family, activation, common_dropout, foreign_activation
from minilm.interop.fields import Field
from minilm.interop.layout import Piece, heads_of_three, linear, plain
from minilm.models.config import GPTConfig

__all__ = ["FAMILY"]

FIELDS = (
    Field("vocab_size", "vocab_size"),
    Field("max_position_embeddings", "block_size"),
    Field("num_hidden_layers", "n_layer"),
    Field("num_attention_heads", "n_head"),
    Field("hidden_size", "n_embd"),
    Field("intermediate_size", "n_hidden"),
    Field("hidden_act", "activation", "gelu", str),
    Field("layer_norm_eps", "norm_eps", 1e-5, float),
    Field("hidden_dropout", "dropout", 0.0, float),
    Field("attention_dropout", "dropout", 0.0, float),
    Field("tie_word_embeddings", "tied_head", False, bool),
    Field("use_parallel_residual", "block", True, bool),
    Field("attention_bias", "attention_bias", True, bool),
    Field("rotary_emb_base", "rope_base", 10000.0, float),
    Field("rotary_pct", "rope_share", 0.25, float),
    Field("partial_rotary_factor", "only the same as rotary_pct", None, float),
    Field("is_decoder", "no effect", False, bool),
    *rope_parameters.FIELDS,
)


def _config(values: Mapping[str, Any], names: Collection[str]) -> GPTConfig:
    # Some versions of transformers wrote each of these under two names.
    for name, same in (("rope_theta", "rotary_emb_base"), ("partial_rotary_factor", "rotary_pct")):
        if values[name] not in (None, values[same]):
            raise MinilmError(f"config.json: {name} = {values[name]} contradicts {same}")
    rope = rope_parameters.read(
        values, "config.json", base=values["rotary_emb_base"], share=values["rotary_pct"]
    )
    return GPTConfig(
        vocab_size=values["vocab_size"],
        n_layer=values["num_hidden_layers"],
        n_head=values["num_attention_heads"],
        n_embd=values["hidden_size"],
        n_hidden=values["intermediate_size"],
        position="rope",
        activation=activation(values["hidden_act"], "hidden_act"),
        block="parallel" if values["use_parallel_residual"] else "pre_norm",
        attention_bias="all" if values["attention_bias"] else "none",
        norm_eps=values["layer_norm_eps"],
        dropout=common_dropout(values, "hidden_dropout", "attention_dropout"),
        tied_head=values["tie_word_embeddings"],
        **rope,
    )


def _describe(config: GPTConfig) -> dict[str, Any]:
    c = config
    fields = rope_parameters.write(c)
    # Without it, a quarter of the channels would turn.
    fields["rope_parameters"]["partial_rotary_factor"] = c.rope_share
    return fields | {
        "vocab_size": c.vocab_size,
        "num_hidden_layers": c.n_layer,
        "num_attention_heads": c.n_head,
        "hidden_size": c.n_embd,
        "intermediate_size": c.hidden_size,
        "hidden_act": foreign_activation(c.activation),
        "layer_norm_eps": c.norm_eps,
        "hidden_dropout": c.dropout,
        "attention_dropout": c.dropout,
        "tie_word_embeddings": c.tied_head,
        "use_parallel_residual": c.block == "parallel",
        "attention_bias": c.qkv_bias,
    }


def _pieces(config: GPTConfig) -> Iterator[Piece]:
    c = config
    yield Piece("gpt_neox.embed_in.weight", "token_embedding.weight")
    for i in range(c.n_layer):
        theirs, ours = f"gpt_neox.layers.{i}", f"blocks.{i}"
        at, to = f"{theirs}.attention", f"{ours}.attention"
        fused = (f"{at}.query_key_value", f"{to}.qkv")
        yield from plain(f"{theirs}.input_layernorm", f"{ours}.norm_1", bias=True)
        yield from heads_of_three(*fused, c.n_head, c.head_size, bias=c.qkv_bias)
        yield from linear(f"{at}.dense", f"{to}.projection", bias=c.projection_bias)
        yield from plain(f"{theirs}.post_attention_layernorm", f"{ours}.norm_2", bias=True)
        yield from linear(f"{theirs}.mlp.dense_h_to_4h", f"{ours}.mlp.up", bias=True)
        yield from linear(f"{theirs}.mlp.dense_4h_to_h", f"{ours}.mlp.down", bias=True)
    yield from plain("gpt_neox.final_layer_norm", "final_norm", bias=True)
    if not c.tied_head:
        yield Piece("embed_out.weight", "head.weight", transposed=True)


FAMILY = Family(
    model_type="gpt_neox",
    architectures=("GPTNeoXForCausalLM",),
    fields=FIELDS,
    config=_config,
    describe=_describe,
    pieces=_pieces,
    needs={
        "architecture": ("gpt",),
        "position": ("rope",),
        "norm": ("layer_norm",),
        "activation": UNGATED,
        "bias": (True,),
        "even_attention_bias": (True,),
        "qk_norm": (False,),
        "grouped": (False,),
        "wide": (False,),
    },
    prefix="gpt_neox.",
    copies=(
        "*.attention.bias",
        "*.attention.masked_bias",
        "*.rotary_emb.inv_freq",
        "embed_out.weight",
    ),
    tied={"embed_out.weight": "gpt_neox.embed_in.weight"},
)
