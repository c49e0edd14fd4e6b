"""Every field of every family changes the configuration, or is refused, or is known to be idle."""

from typing import Any

import pytest

from minilm.errors import MinilmError
from minilm.interop import fields
from minilm.interop.families import FAMILIES
from minilm.interop.family import common_dropout
from minilm.models.bert_config import BERTConfig
from minilm.models.config import GPTConfig

# For each family: what must be there, and each other field with a value that is not its
# default and the error it brings, "" for none. `SILENT` lists those that change nothing.
_LLAMA = {
    "vocab_size": 11, "hidden_size": 8, "intermediate_size": 6, "num_hidden_layers": 1,
    "num_attention_heads": 2, "max_position_embeddings": 16,
}  # fmt: skip
_ROPE = {
    "rope_theta": (500, ""),
    "rope_parameters": ({"rope_type": "linear", "factor": 2.0}, ""),
    "rope_scaling": ({"type": "dynamic", "factor": 2.0}, ""),
    "original_max_position_embeddings": (8, ""),
}
_LLAMA_CHANGES: dict[str, tuple[Any, str]] = {
    "hidden_act": ("gelu", "hidden_act = 'gelu' is not supported; silu or swish is"),
    "rms_norm_eps": (1e-3, ""),
    "attention_dropout": (0.5, ""),
    "tie_word_embeddings": (True, ""),
    "head_dim": (6, ""),
    **_ROPE,
}
_WINDOWS = {
    "use_sliding_window": (True, "use_sliding_window = True is not supported; false is"),
    "sliding_window": (4, ""),
    "layer_types": (["sliding_attention"], "layer_types: sliding_attention is not supported"),
}
_BERT = {
    "vocab_size": 11, "hidden_size": 8, "intermediate_size": 6, "num_hidden_layers": 1,
    "num_attention_heads": 2, "max_position_embeddings": 16,
}  # fmt: skip
_BERT_CHANGES: dict[str, tuple[Any, str]] = {
    "hidden_act": ("gelu_new", ""),
    "layer_norm_eps": (1e-3, ""),
    "hidden_dropout_prob": (0.25, ""),
    "attention_probs_dropout_prob": (0.25, ""),
    "type_vocab_size": (3, ""),
    "position_embedding_type": ("relative_key", "position_embedding_type = 'relative_key' is not"),
    "is_decoder": (True, "is_decoder = True is not supported; false is"),
    "add_cross_attention": (True, "add_cross_attention = True is not supported; false is"),
    "tie_word_embeddings": (False, "tie_word_embeddings = False is not supported; true is"),
}
REQUIRED: dict[str, dict[str, Any]] = {
    "gpt2": {"vocab_size": 11, "n_positions": 16, "n_embd": 8, "n_layer": 1, "n_head": 2},
    "llama": _LLAMA,
    "qwen2": {**_LLAMA, "num_key_value_heads": 1},
    "qwen3": {**_LLAMA, "num_key_value_heads": 1},
    "gpt_neox": {**_LLAMA, "hidden_size": 32},
    "bert": _BERT,
    "roberta": _BERT,
}
CHANGES: dict[str, dict[str, tuple[Any, str]]] = {
    "gpt2": {
        "n_inner": (5, ""),
        "activation_function": ("gelu", ""),
        "layer_norm_epsilon": (1e-3, ""),
        "resid_pdrop": (0.25, ""),
        "embd_pdrop": (0.25, ""),
        "attn_pdrop": (0.25, ""),
        "tie_word_embeddings": (False, ""),
        "scale_attn_weights": (False, "scale_attn_weights = False is not supported; true is"),
        "scale_attn_by_inverse_layer_idx": (True, "scale_attn_by_inverse_layer_idx = True is not"),
        "reorder_and_upcast_attn": (True, ""),
        "add_cross_attention": (True, "add_cross_attention = True is not supported; false is"),
    },
    "llama": {
        **_LLAMA_CHANGES,
        "num_key_value_heads": (1, ""),
        "attention_bias": (True, ""),
        "mlp_bias": (True, ""),
    },
    "qwen2": {**_LLAMA_CHANGES, **_WINDOWS},
    "qwen3": {**_LLAMA_CHANGES, **_WINDOWS, "attention_bias": (True, "")},
    "gpt_neox": {
        **_ROPE,
        "rope_theta": (500, "rope_theta = 500.0 contradicts rotary_emb_base"),
        "hidden_act": ("gelu_new", ""),
        "layer_norm_eps": (1e-3, ""),
        "hidden_dropout": (0.25, ""),
        "attention_dropout": (0.25, ""),
        "tie_word_embeddings": (True, ""),
        "use_parallel_residual": (False, ""),
        "attention_bias": (False, ""),
        "rotary_emb_base": (500, ""),
        "rotary_pct": (0.5, ""),
        "partial_rotary_factor": (0.5, "partial_rotary_factor = 0.5 contradicts rotary_pct"),
        "is_decoder": (True, ""),
    },
    "bert": _BERT_CHANGES,
    "roberta": {
        **_BERT_CHANGES,
        "hidden_act": ("gelu_new", "hidden_act = 'gelu_new' is not supported; gelu or gelu_pyth"),
        "pad_token_id": (0, ""),
    },
}
SILENT = {
    "gpt2": {"reorder_and_upcast_attn"},
    "llama": {"attention_dropout"},
    "qwen2": {"attention_dropout", "sliding_window"},
    "qwen3": {"attention_dropout", "sliding_window"},
    "gpt_neox": {"is_decoder"},
    "bert": set(),
    "roberta": set(),
}
# Fields that count only beside another.
BESIDE: dict[str, dict[str, Any]] = {
    "original_max_position_embeddings": {"rope_scaling": {"type": "yarn", "factor": 2.0}},
    "resid_pdrop": {"embd_pdrop": 0.25, "attn_pdrop": 0.25},
    "embd_pdrop": {"resid_pdrop": 0.25, "attn_pdrop": 0.25},
    "attn_pdrop": {"resid_pdrop": 0.25, "embd_pdrop": 0.25},
    "gpt_neox attention_dropout": {"hidden_dropout": 0.25},
    "hidden_dropout": {"attention_dropout": 0.25},
    "hidden_dropout_prob": {"attention_probs_dropout_prob": 0.25},
    "attention_probs_dropout_prob": {"hidden_dropout_prob": 0.25},
}


def config_of(name: str, raw: dict[str, Any]) -> Any:
    family = FAMILIES[name]
    return family.config(fields.read(raw, family.fields, "config.json"), ())


@pytest.mark.parametrize("name", FAMILIES)
def test_every_field_is_listed_here(name: str) -> None:
    required = {f.name for f in FAMILIES[name].fields if f.default is fields.REQUIRED}
    others = {f.name for f in FAMILIES[name].fields} - required
    assert required == REQUIRED[name].keys()
    assert others == CHANGES[name].keys()
    assert all(f.meaning for f in FAMILIES[name].fields)


@pytest.mark.parametrize(
    ("name", "field"), [(name, field) for name in REQUIRED for field in REQUIRED[name]]
)
def test_required_fields(name: str, field: str) -> None:
    raw = REQUIRED[name]
    doubled = config_of(name, {**raw, field: 2 * raw[field]})
    assert doubled != config_of(name, raw)
    without = {key: value for key, value in raw.items() if key != field}
    with pytest.raises(MinilmError, match=f"{field} is missing"):
        config_of(name, without)
    with pytest.raises(MinilmError, match=f"{field} = 'x': expected a whole number"):
        config_of(name, {**raw, field: "x"})
    with pytest.raises(MinilmError):
        config_of(name, {**raw, field: -1})


@pytest.mark.parametrize(
    ("name", "field"), [(name, field) for name in CHANGES for field in CHANGES[name]]
)
def test_every_other_field_is_honoured_or_refused(name: str, field: str) -> None:
    value, error = CHANGES[name][field]
    raw = {**REQUIRED[name], **BESIDE.get(f"{name} {field}", BESIDE.get(field, {}))}
    if error:
        with pytest.raises(MinilmError) as caught:
            config_of(name, {**raw, field: value})
        assert error in str(caught.value)
        return
    changed = config_of(name, {**raw, field: value}) != config_of(name, raw)
    assert changed == (field not in SILENT[name])
    assert config_of(name, {**raw, field: None}) == config_of(name, raw)
    with pytest.raises(MinilmError, match=rf"{field} = .*: expected "):
        config_of(name, {**raw, field: {1, 2}})


_GPT = {"vocab_size": 11, "block_size": 16, "n_layer": 1, "n_head": 2, "n_embd": 8}
_LLAMA_LIKE = {
    "position": "rope",
    "norm": "rms_norm",
    "activation": "swiglu",
    "bias": False,
    "tied_head": False,
    "n_hidden": 6,
    "norm_eps": 1e-6,
}
_ENCODER = {**_GPT, "n_hidden": 6, "dropout": 0.1, "masked_head": False}
DEFAULTS = {
    "gpt2": GPTConfig(**_GPT, dropout=0.1),
    "llama": GPTConfig(**_GPT, **_LLAMA_LIKE, attention_bias="none"),
    "qwen2": GPTConfig(**_GPT, **_LLAMA_LIKE, attention_bias="qkv", n_kv_head=1),
    "qwen3": GPTConfig(
        **_GPT, **_LLAMA_LIKE, attention_bias="none", n_kv_head=1, qk_norm=True, head_dim=128
    ),
    "gpt_neox": GPTConfig(
        **{**_GPT, "n_embd": 32},
        n_hidden=6,
        position="rope",
        block="parallel",
        activation="gelu_exact",
        attention_bias="all",
        rope_share=0.25,
        tied_head=False,
    ),
    "bert": BERTConfig(**_ENCODER),
    "roberta": BERTConfig(**{**_ENCODER, "block_size": 14}, padding_id=1),
}


@pytest.mark.parametrize("name", FAMILIES)
def test_what_holds_where_a_file_is_silent(name: str) -> None:
    """As transformers has it, against which the oracle tests hold the same files."""
    assert config_of(name, REQUIRED[name]) == DEFAULTS[name]


@pytest.mark.parametrize("name", ["qwen2", "qwen3"])
def test_layers_that_all_see_everything(name: str) -> None:
    plain = config_of(name, REQUIRED[name])
    for kinds in ([], ["full_attention"], ["full_attention"] * 2):
        assert config_of(name, {**REQUIRED[name], "layer_types": kinds}) == plain


def test_one_rate_of_dropout() -> None:
    """Several that differ, or one that leaves nothing, are not taken over."""
    for a, b, expected in ((0.25, 0.25, 0.25), (0.25, 0.5, 0.0), (1.0, 1.0, 0.0), (0.0, 0.0, 0.0)):
        assert common_dropout({"a": a, "b": b}, "a", "b") == expected
    assert common_dropout({"a": -0.5}, "a") == 0.0


@pytest.mark.parametrize("name", FAMILIES)
def test_activations(name: str) -> None:
    field = "activation_function" if name == "gpt2" else "hidden_act"
    with pytest.raises(MinilmError, match=f"{field} = 'gelu_nwe' is not supported"):
        config_of(name, {**REQUIRED[name], field: "gelu_nwe"})
    if name in ("gpt2", "gpt_neox", "bert"):
        for theirs, ours in {
            "gelu": "gelu_exact", "gelu_python": "gelu_exact", "gelu_new": "gelu",
            "gelu_pytorch_tanh": "gelu", "gelu_fast": "gelu", "relu2": "squared_relu",
        }.items():  # fmt: skip
            assert config_of(name, {**REQUIRED[name], field: theirs}).activation == ours
