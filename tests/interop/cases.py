"""Variants of every family that is read: small sizes, the options of each, and inputs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

CLASSES = {
    "gpt2": ("GPT2Config", "GPT2LMHeadModel"),
    "llama": ("LlamaConfig", "LlamaForCausalLM"),
    "qwen2": ("Qwen2Config", "Qwen2ForCausalLM"),
    "qwen3": ("Qwen3Config", "Qwen3ForCausalLM"),
    "gpt_neox": ("GPTNeoXConfig", "GPTNeoXForCausalLM"),
    "bert": ("BertConfig", "BertForMaskedLM"),
    "roberta": ("RobertaConfig", "RobertaForMaskedLM"),
}
CAUSAL = ("gpt2", "llama", "qwen2", "qwen3", "gpt_neox")
_LLAMA = {
    "vocab_size": 29,
    "hidden_size": 24,
    "intermediate_size": 20,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 16,
}
_BERT = {
    "vocab_size": 29,
    "hidden_size": 24,
    "intermediate_size": 20,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "max_position_embeddings": 14,
    "layer_norm_eps": 1e-6,
}
SMALL: dict[str, dict[str, Any]] = {
    "gpt2": {"vocab_size": 29, "n_positions": 11, "n_embd": 24, "n_layer": 2, "n_head": 3},
    "llama": _LLAMA,
    "qwen2": {**_LLAMA, "rope_parameters": {"rope_type": "default", "rope_theta": 1e6}},
    "qwen3": {**_LLAMA, "head_dim": 10},
    "gpt_neox": {**_BERT, "max_position_embeddings": 16, "layer_norm_eps": 1e-5},
    "bert": _BERT,
    "roberta": {**_BERT, "type_vocab_size": 1},
}


@dataclass(frozen=True)
class Case:
    """One variant.

    Attributes
    ----------
    family : str
    fields : dict
        Of its configuration, beside those of `SMALL`.
    kind : str
        The class; that of `CLASSES` if empty.
    length : int
        Positions T of its inputs.
    old : bool
        ``config.json`` holds the fields as they stand here, and not as `transformers` would
        write them today.
    """

    family: str
    fields: dict[str, Any] = field(default_factory=dict)
    kind: str = ""
    length: int = 7
    old: bool = False

    @property
    def all_fields(self) -> dict[str, Any]:
        """Those of `SMALL` and its own; None takes one away."""
        merged = {**SMALL[self.family], **self.fields}
        return {name: value for name, value in merged.items() if value is not None}

    @property
    def architecture(self) -> str:
        """The name of its class."""
        return self.kind or CLASSES[self.family][1]


def _rope(kind: str, **numbers: Any) -> dict[str, Any]:
    return {"rope_parameters": {"rope_type": kind, "rope_theta": 100.0, **numbers}}


# With these numbers and 6 pairs of channels, the ramp lies between the second and the fifth.
_YARN = {"factor": 4.0, "original_max_position_embeddings": 64, "beta_fast": 4.0}
_YARN_SIZES = {"head_dim": 12, "max_position_embeddings": 320}
_LONG = {
    "short_factor": [1.0, 1.25, 1.5],
    "long_factor": [1.5, 2.0, 4.0],
    "original_max_position_embeddings": 6,
}
CASES = {
    "gpt2": Case("gpt2"),
    "gpt2 untied, n_inner": Case(
        "gpt2",
        {"tie_word_embeddings": False, "n_inner": 10, "activation_function": "gelu"},
    ),
    "gpt2 old, alone": Case("gpt2", old=True),
    "gpt2 two heads": Case("gpt2", kind="GPT2DoubleHeadsModel"),
    "gpt2 without head": Case("gpt2", kind="GPT2Model"),
    "gpt2 one head": Case("gpt2", {"n_head": 1, "activation_function": "gelu_pytorch_tanh"}),
    "gpt2 relu2": Case("gpt2", {"activation_function": "relu2", "layer_norm_epsilon": 1e-3}),
    "gpt2 fast": Case("gpt2", {"activation_function": "gelu_fast"}, length=11),
    "gpt2 one position": Case("gpt2", {"activation_function": "gelu_python"}, length=1),
    "llama": Case("llama"),
    "llama biases": Case("llama", {"attention_bias": True, "mlp_bias": True}),
    "llama attention biases": Case("llama", {"attention_bias": True}, length=16),
    "llama mlp biases, one kv head": Case("llama", {"mlp_bias": True, "num_key_value_heads": 1}),
    "llama tied, all heads": Case(
        "llama", {"tie_word_embeddings": True, "num_key_value_heads": None, "rms_norm_eps": 1e-3}
    ),
    "llama head_dim": Case("llama", {"head_dim": 10}),
    "llama one position": Case("llama", {"head_dim": 2}, length=1),
    "llama linear": Case("llama", _rope("linear", factor=2.5)),
    "llama dynamic, within": Case("llama", _rope("dynamic", factor=2.0), length=16),
    "llama dynamic, beyond": Case("llama", _rope("dynamic", factor=2.0), length=23),
    "llama yarn": Case("llama", _rope("yarn", **_YARN) | _YARN_SIZES),
    "llama yarn, mscale": Case(
        "llama", _rope("yarn", **_YARN, mscale=0.7, mscale_all_dim=0.3) | _YARN_SIZES
    ),
    "llama yarn, mscale alone": Case("llama", _rope("yarn", **_YARN, mscale=0.7) | _YARN_SIZES),
    "llama yarn, attention_factor": Case(
        "llama", _rope("yarn", **_YARN, attention_factor=1.5) | _YARN_SIZES
    ),
    "llama yarn, not truncated": Case(
        "llama", _rope("yarn", **_YARN, truncate=False, beta_slow=0.5) | _YARN_SIZES
    ),
    "llama yarn, factor from lengths": Case(
        "llama", _rope("yarn", **{**_YARN, "factor": None}) | _YARN_SIZES
    ),
    "llama llama3": Case(
        "llama",
        _rope(
            "llama3",
            factor=8.0,
            low_freq_factor=1.0,
            high_freq_factor=4.0,
            original_max_position_embeddings=12,
        )
        | {"head_dim": 12},
    ),
    "llama longrope, short": Case("llama", _rope("longrope", **_LONG), length=6),
    "llama longrope, long": Case("llama", _rope("longrope", **_LONG, factor=3.0), length=7),
    "llama longrope, attention_factor": Case(
        "llama", _rope("longrope", **_LONG, attention_factor=0.8)
    ),
    "llama old, alone": Case("llama", {"num_key_value_heads": None}, old=True),
    "llama old theta": Case("llama", {"rope_theta": 50.0, "rope_scaling": None}, old=True),
    "llama old linear": Case(
        "llama",
        {"rope_theta": 500000.0, "rope_scaling": {"type": "linear", "factor": 4}},
        old=True,
    ),
    "llama old dynamic": Case(
        "llama", {"rope_scaling": {"type": "dynamic", "factor": 3.0}}, length=20, old=True
    ),
    "llama old llama3": Case(
        "llama",
        {
            "rope_theta": 500.0,
            "rope_scaling": {
                "rope_type": "llama3",
                "factor": 32,
                "low_freq_factor": 1,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": 12,
            },
        },
        old=True,
    ),
    "llama old longrope": Case(
        "llama",
        {
            "original_max_position_embeddings": 8,
            "rope_scaling": {"type": "longrope", **_LONG, "original_max_position_embeddings": 4},
        },
        length=9,
        old=True,
    ),
    "qwen2": Case("qwen2"),
    "qwen2 tied": Case("qwen2", {"tie_word_embeddings": True, "num_key_value_heads": 4}),
    "qwen2 head_dim": Case("qwen2", {"head_dim": 8}),
    "qwen2 old, alone": Case("qwen2", {"rope_parameters": None}, old=True),
    "qwen2 old yarn": Case(
        "qwen2",
        {
            "rope_parameters": None,
            "rope_theta": 1000.0,
            "use_sliding_window": False,
            "sliding_window": 8,
            "max_window_layers": 1,
            "rope_scaling": {
                "type": "yarn",
                "factor": 4.0,
                "original_max_position_embeddings": 400,
            },
        },
        old=True,
    ),
    "qwen2 one position": Case("qwen2", length=1),
    "qwen3": Case("qwen3"),
    "qwen3 old, alone": Case("qwen3", {"head_dim": None}, old=True),
    "qwen3 biases": Case("qwen3", {"attention_bias": True, "tie_word_embeddings": True}),
    "qwen3 one kv head": Case("qwen3", {"num_key_value_heads": 1, "head_dim": 4}, length=13),
    "gpt_neox": Case("gpt_neox"),
    "gpt_neox half": Case("gpt_neox", {"rotary_pct": 0.5, "num_attention_heads": 2}),
    "gpt_neox whole": Case("gpt_neox", {"rotary_pct": 1.0, "hidden_act": "gelu_fast"}),
    "gpt_neox sequential": Case(
        "gpt_neox", {"use_parallel_residual": False, "rotary_pct": 1.0, "tie_word_embeddings": True}
    ),
    "gpt_neox no attention biases": Case("gpt_neox", {"attention_bias": False}, length=16),
    "gpt_neox old": Case(
        "gpt_neox",
        {
            "rotary_emb_base": 100,
            "rotary_pct": 0.5,
            "num_attention_heads": 2,
            "rope_scaling": {"type": "linear", "factor": 2.0},
        },
        old=True,
    ),
    "gpt_neox old, alone": Case("gpt_neox", {"layer_norm_eps": None}, old=True),
    "gpt_neox dynamic": Case(
        "gpt_neox",
        _rope("dynamic", factor=2.0, partial_rotary_factor=0.5),
        length=19,
    ),
    "gpt_neox one position": Case("gpt_neox", length=1),
    "bert": Case("bert"),
    "bert old, alone": Case("bert", {"layer_norm_eps": None}, old=True),
    "bert without head": Case("bert", kind="BertModel"),
    "bert both heads": Case("bert", {"hidden_act": "gelu_new"}, kind="BertForPreTraining"),
    "bert three types": Case("bert", {"type_vocab_size": 3, "layer_norm_eps": 1e-3}, length=14),
    "bert one position": Case("bert", kind="BertModel", length=1),
    "roberta": Case("roberta"),
    "roberta old, alone": Case(
        "roberta", {"layer_norm_eps": None, "type_vocab_size": None}, old=True
    ),
    "roberta without head": Case("roberta", kind="RobertaModel", length=12),
    "roberta padding id": Case("roberta", {"pad_token_id": 3}, length=10),
    "roberta one position": Case("roberta", length=1),
}


def inputs(
    case: Case, seed: int = 5, n_rows: int = 3
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Tokens (B, T), the mask of real positions (B, T), token types (B, T) or None.

    The second row is padded on the right, the third on the left. RoBERTa's padding stands
    inside the first as well, and only its own rule for positions knows.
    """
    fields, T = case.all_fields, case.length
    rng = np.random.default_rng(seed)
    padding = fields.get("pad_token_id", {"roberta": 1}.get(case.family, 0))
    tokens = rng.integers(padding + 1, fields["vocab_size"], (n_rows, T))
    mask = np.ones((n_rows, T), bool)
    if T > 3:
        mask[1, -3:] = False
        mask[2, :2] = False
        mask[0, 3] = case.family != "roberta"
        tokens[~mask] = padding
    types = fields.get("type_vocab_size", 2) if case.family == "bert" else 0
    return tokens, mask, rng.integers(0, types, (n_rows, T)) if types else None
