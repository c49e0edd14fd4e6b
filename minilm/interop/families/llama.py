"""Llama (Touvron et al., 2023) and its kin: rotary positions, RMSNorm, SwiGLU, shared
key-value heads. Qwen 2 (Yang et al., 2024) adds biases to queries, keys and values, Qwen 3
(2025) a norm of each head's queries and keys.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from minilm.errors import MinilmError
from minilm.interop import rope_parameters
from minilm.interop.family import Family
from minilm.interop.fields import Field
from minilm.interop.layout import Piece, joined, linear, plain
from minilm.models.config import GPTConfig

__all__ = ["LLAMA", "QWEN2", "QWEN3"]

_COMMON = (
    Field("vocab_size", "vocab_size"),
    Field("max_position_embeddings", "block_size"),
    Field("num_hidden_layers", "n_layer"),
    Field("num_attention_heads", "n_head"),
    Field("hidden_size", "n_embd"),
    Field("intermediate_size", "n_hidden"),
    Field("hidden_act", "activation = swiglu", "silu", str, ("silu", "swish")),
    Field("rms_norm_eps", "norm_eps", 1e-6, float),
    Field("attention_dropout", "training only: not taken over", 0.0, float),
    Field("tie_word_embeddings", "tied_head", False, bool),
    *rope_parameters.FIELDS,
)
_WINDOWS = (
    Field("use_sliding_window", "only false", False, bool, (False,)),
    Field("sliding_window", "no effect while use_sliding_window is false", 0),
    Field("layer_types", "only full_attention", [], list),
)
_GROUPS = (Field("num_key_value_heads", "n_kv_head", 0),)
# Where it is absent, transformers takes 32 and not num_attention_heads.
_QWEN_GROUPS = (Field("num_key_value_heads", "n_kv_head"),)
_BIASES = (Field("attention_bias", "attention_bias = all", False, bool),)
_HEADS = (Field("head_dim", "head_dim", 0),)


def _common(values: Mapping[str, Any], **more: Any) -> GPTConfig:
    kinds = set(map(str, values.get("layer_types", ()))) - {"full_attention"}
    if kinds:
        raise MinilmError(f"layer_types: {sorted(kinds)[0]} is not supported; full_attention is")
    rope = rope_parameters.read(values, "config.json")
    return GPTConfig(
        vocab_size=values["vocab_size"],
        n_layer=values["num_hidden_layers"],
        n_head=values["num_attention_heads"],
        n_kv_head=values["num_key_value_heads"],
        n_embd=values["hidden_size"],
        n_hidden=values["intermediate_size"],
        head_dim=values.get("head_dim", 0),
        position="rope",
        norm="rms_norm",
        activation="swiglu",
        norm_eps=values["rms_norm_eps"],
        tied_head=values["tie_word_embeddings"],
        **rope,
        **more,
    )


def _llama(values: Mapping[str, Any], names: Collection[str]) -> GPTConfig:
    # RMSNorm has no bias, so `bias` speaks of the MLP alone here.
    attention = "all" if values["attention_bias"] else "none"
    return _common(values, bias=values["mlp_bias"], attention_bias=attention)


def _qwen2(values: Mapping[str, Any], names: Collection[str]) -> GPTConfig:
    return _common(values, bias=False, attention_bias="qkv")


def _qwen3(values: Mapping[str, Any], names: Collection[str]) -> GPTConfig:
    attention = "all" if values["attention_bias"] else "none"
    return _common(values, bias=False, attention_bias=attention, qk_norm=True)


def _describe(config: GPTConfig) -> dict[str, Any]:
    c = config
    return rope_parameters.write(c) | {
        "vocab_size": c.vocab_size,
        "num_hidden_layers": c.n_layer,
        "num_attention_heads": c.n_head,
        "num_key_value_heads": c.kv_heads,
        "hidden_size": c.n_embd,
        "intermediate_size": c.hidden_size,
        "hidden_act": "silu",
        "rms_norm_eps": c.norm_eps,
        "tie_word_embeddings": c.tied_head,
    }


def _describe_llama(config: GPTConfig) -> dict[str, Any]:
    return _describe(config) | {
        "head_dim": config.head_size,
        "attention_bias": config.qkv_bias,
        "mlp_bias": config.bias,
    }


def _describe_qwen2(config: GPTConfig) -> dict[str, Any]:
    return _describe(config) | {"head_dim": config.head_size}


def _describe_qwen3(config: GPTConfig) -> dict[str, Any]:
    return _describe(config) | {
        "head_dim": config.head_size,
        "attention_bias": config.qkv_bias,
    }


def _pieces(config: GPTConfig) -> Iterator[Piece]:
    c, D = config, config.head_size
    yield Piece("model.embed_tokens.weight", "token_embedding.weight")
    for i in range(c.n_layer):
        theirs, ours = f"model.layers.{i}", f"blocks.{i}"
        at, to = f"{theirs}.self_attn", f"{ours}.attention"
        sizes = {
            f"{at}.q_proj": c.n_head * D,
            f"{at}.k_proj": c.kv_heads * D,
            f"{at}.v_proj": c.kv_heads * D,
        }
        yield from plain(f"{theirs}.input_layernorm", f"{ours}.norm_1", bias=False)
        yield from joined(sizes, f"{to}.qkv", bias=c.qkv_bias)
        if c.qk_norm:
            yield from plain(f"{at}.q_norm", f"{to}.query_norm", bias=False)
            yield from plain(f"{at}.k_norm", f"{to}.key_norm", bias=False)
        yield from linear(f"{at}.o_proj", f"{to}.projection", bias=c.projection_bias)
        yield from plain(f"{theirs}.post_attention_layernorm", f"{ours}.norm_2", bias=False)
        gated = {f"{theirs}.mlp.gate_proj": c.hidden_size, f"{theirs}.mlp.up_proj": c.hidden_size}
        yield from joined(gated, f"{ours}.mlp.up", bias=c.bias)
        yield from linear(f"{theirs}.mlp.down_proj", f"{ours}.mlp.down", bias=c.bias)
    yield from plain("model.norm", "final_norm", bias=False)
    if not c.tied_head:
        yield Piece("lm_head.weight", "head.weight", transposed=True)


_NEEDS: dict[str, tuple[Any, ...]] = {
    "architecture": ("gpt",),
    "position": ("rope",),
    "norm": ("rms_norm",),
    "activation": ("swiglu",),
    "block": ("pre_norm",),
}
_COPIES = ("*.rotary_emb.inv_freq", "lm_head.weight")
_TIED = {"lm_head.weight": "model.embed_tokens.weight"}

LLAMA = Family(
    model_type="llama",
    architectures=("LlamaForCausalLM",),
    fields=(*_COMMON, *_GROUPS, *_HEADS, *_BIASES, Field("mlp_bias", "bias", False, bool)),
    config=_llama,
    describe=_describe_llama,
    pieces=_pieces,
    needs=_NEEDS | {"even_attention_bias": (True,), "qk_norm": (False,)},
    prefix="model.",
    copies=_COPIES,
    tied=_TIED,
)
QWEN2 = Family(
    model_type="qwen2",
    architectures=("Qwen2ForCausalLM",),
    fields=(*_COMMON, *_QWEN_GROUPS, *_HEADS, *_WINDOWS),
    config=_qwen2,
    describe=_describe_qwen2,
    pieces=_pieces,
    needs=_NEEDS | {"bias": (False,), "attention_bias": ("qkv",), "qk_norm": (False,)},
    prefix="model.",
    copies=_COPIES,
    tied=_TIED,
)
QWEN3 = Family(
    model_type="qwen3",
    architectures=("Qwen3ForCausalLM",),
    # Where it is absent, transformers takes 128 and not hidden_size / num_attention_heads.
    fields=(
        *_COMMON,
        *_QWEN_GROUPS,
        Field("head_dim", "head_dim", 128),
        *_BIASES,
        *_WINDOWS,
    ),
    config=_qwen3,
    describe=_describe_qwen3,
    pieces=_pieces,
    needs=_NEEDS | {"bias": (False,), "even_attention_bias": (True,), "qk_norm": (True,)},
    prefix="model.",
    copies=_COPIES,
    tied=_TIED,
)
