"""The fields of a foreign `config.json`: which are honoured, fixed, or of no effect.

A field that would change the result and is not honoured must not pass in silence. So each
family lists what it knows, and `read` refuses the rest, by name, unless it is switched off
(null, false or empty) or the user says to ignore it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from minilm.errors import MinilmError

__all__ = ["HARMLESS", "REQUIRED", "Field", "read"]

REQUIRED: Any = object()

# What describes the file, the training or the use of a model, and not the function it is.
_HARMLESS = """
    _attn_implementation _attn_implementation_autoset _name_or_path _num_labels architectures
    attn_implementation auto_map bad_words_ids begin_suppress_tokens bos_token_id
    chunk_size_feed_forward classifier_dropout decoder_start_token_id directionality do_sample
    dtype early_stopping eos_token_id finetuning_task forced_bos_token_id forced_eos_token_id
    gradient_checkpointing id2label initializer_range is_llama_config label2id length_penalty
    max_length max_window_layers min_length model_type n_ctx no_repeat_ngram_size
    num_beam_groups num_beams num_labels num_return_sequences output_attentions
    output_hidden_states output_past output_scores pad_token_id pooler_fc_size
    pooler_num_attention_heads pooler_num_fc_layers pooler_size_per_head pooler_type prefix
    pretraining_tp problem_type remove_invalid_values repetition_penalty return_dict
    return_dict_in_generate sep_token_id summary_activation summary_first_dropout
    summary_proj_to_labels summary_type summary_use_proj suppress_tokens task_specific_params
    temperature tf_legacy_loss tie_encoder_decoder tokenizer_class top_k top_p torch_dtype
    torchscript transformers.js_config transformers_version typical_p use_bfloat16 use_cache
"""
HARMLESS = frozenset(_HARMLESS.split())


@dataclass(frozen=True)
class Field:
    """A field that is honoured.

    Attributes
    ----------
    name : str
    meaning : str
        What it becomes here, for the table in the documentation.
    default : Any
        Where the field is absent or null; `REQUIRED` if it must be there.
    kind : type
        ``int``, ``float``, ``bool``, ``str``, ``dict`` or ``list``.
    allowed : tuple
        The only values that can be honoured; empty for all.
    """

    name: str
    meaning: str
    default: Any = REQUIRED
    kind: type = int
    allowed: tuple[Any, ...] = ()


def read(
    raw: dict[str, Any], fields: tuple[Field, ...], where: str, ignore: Collection[str] = ()
) -> dict[str, Any]:
    """The value of each field, checked.

    Raises
    ------
    MinilmError
        Naming the field that is missing, of a wrong type, not supported, or unknown.
    """
    values = {f.name: _value(raw, f, where, ignore) for f in fields}
    for name, value in raw.items():
        known = name in values or name in HARMLESS or name in ignore
        if not known and value not in (None, False, 0, "", [], {}):
            raise MinilmError(
                f"{where}: {name} = {_short(value)} is not supported, and may change the result; "
                f"if it does not, say so with --ignore {name}"
            )
    return values


def _value(raw: dict[str, Any], field: Field, where: str, ignore: Collection[str]) -> Any:
    value: Any = raw.get(field.name)
    if value is None or (field.name in ignore and field.default is not REQUIRED):
        if field.default is REQUIRED:
            raise MinilmError(f"{where}: {field.name} is missing")
        return field.default
    if field.kind is float and type(value) is int and abs(value) < 2**53:
        value = float(value)
    if isinstance(value, dict):
        value = {name: inner for name, inner in value.items() if name not in ignore}
    if type(value) is not field.kind:
        raise MinilmError(f"{where}: {field.name} = {_short(value)}: expected {_KINDS[field.kind]}")
    if isinstance(value, int) and abs(value) >= 2**31:
        raise MinilmError(f"{where}: {field.name} = {_short(value)}: too large")
    if field.allowed and value not in field.allowed:
        supported = " or ".join(map(str, field.allowed)).lower()
        raise MinilmError(
            f"{where}: {field.name} = {_short(value)} is not supported; {supported} is"
        )
    return value


_KINDS = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "a text",
    dict: "an object",
    list: "a list",
}


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
