"""Rotary positions as foreign configurations write them, of the old form and the new.

    new   "rope_parameters": {"rope_theta": 10000.0, "rope_type": "linear", "factor": 2.0}
    old   "rope_theta": 10000.0, "rope_scaling": {"type": "linear", "factor": 2.0}

GPT-NeoX's old form has `rotary_emb_base` and `rotary_pct` beside it. Where a file has both
objects, `rope_scaling` counts, as in `transformers`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from minilm.errors import MinilmError, did_you_mean
from minilm.interop.fields import Field
from minilm.interop.fields import read as read_fields
from minilm.models.config import GPTConfig
from minilm.nn.rope_scaling import KINDS, RopeScaling

__all__ = ["FIELDS", "read", "write"]

FIELDS = (
    Field("rope_parameters", "rope_base, rope_share, rope_scaling", {}, dict),
    Field("rope_theta", "rope_base", None, float),
    Field("rope_scaling", "rope_scaling", {}, dict),
    Field("original_max_position_embeddings", "rope_scaling.original_context", 0),
)
_INNER = (
    Field("rope_theta", "", None, float),
    Field("rope_type", "", "", str),
    Field("type", "", "", str),
    Field("partial_rotary_factor", "", None, float),
    Field("factor", "", None, float),
    Field("original_max_position_embeddings", "", 0, int),
    Field("attention_factor", "", None, float),
    Field("low_freq_factor", "", 1.0, float),
    Field("high_freq_factor", "", 4.0, float),
    Field("beta_fast", "", 32.0, float),
    Field("beta_slow", "", 1.0, float),
    Field("mscale", "", 0.0, float),
    Field("mscale_all_dim", "", 0.0, float),
    Field("truncate", "", True, bool),
    Field("short_factor", "", [], list),
    Field("long_factor", "", [], list),
)
# Without these, what a file means is not known.
_NEEDED = {
    "linear": ("factor",),
    "dynamic": ("factor",),
    "llama3": ("factor", "low_freq_factor", "high_freq_factor"),
    "longrope": ("short_factor", "long_factor"),
}


def read(
    values: Mapping[str, Any],
    where: str,
    *,
    base: float | None = None,
    share: float | None = None,
) -> dict[str, Any]:
    """Our `rope_base`, `rope_share`, `rope_scaling` and `block_size` from the fields read.

    Parameters
    ----------
    values : the fields of `FIELDS` and ``max_position_embeddings``
    base, share : what holds where the object is silent; without a share, all channels turn

    Raises
    ------
    MinilmError
        Naming what is not supported or impossible.
    """
    outer = values["rope_scaling"] or values["rope_parameters"]
    inner = read_fields(outer, _INNER, f"{where}: rope_parameters")
    kind = inner["rope_type"] or inner["type"] or "default"
    if kind not in (*KINDS[1:], "default"):
        raise MinilmError(
            f"{where}: rope_type = {kind!r} is not supported{did_you_mean(kind, KINDS[1:])}"
        )
    for name in ("mscale", "mscale_all_dim"):
        if inner[name] < 0:
            raise MinilmError(f"{where}: rope_parameters: {name} = {inner[name]}: negative")
    for name in _NEEDED.get(kind, ()):
        if outer.get(name) is None:
            raise MinilmError(f"{where}: rope_parameters: {name} is missing, which {kind} needs")
    context = values["max_position_embeddings"]
    if context < 1:
        raise MinilmError(f"{where}: max_position_embeddings = {context}: must be at least 1")
    found = {
        "rope_base": _first(inner["rope_theta"], base, values["rope_theta"], 10000.0),
        "rope_share": _share(inner["partial_rotary_factor"], share, where),
        "block_size": context,
    }
    if kind == "default":
        return found
    # Dynamic scaling is for sequences beyond those it was trained on, so they must be allowed.
    original = context
    if kind != "dynamic":
        original = (
            values["original_max_position_embeddings"]
            or inner["original_max_position_embeddings"]
            or context
        )
    factor = _first(inner["factor"], context / max(1, original))
    scaling = RopeScaling(
        kind=kind,
        factor=factor,
        original_context=0 if kind == "linear" else original,
        attention_factor=_attention_factor(kind, factor, inner, original),
        low_frequency_factor=inner["low_freq_factor"],
        high_frequency_factor=inner["high_freq_factor"],
        beta_fast=inner["beta_fast"],
        beta_slow=inner["beta_slow"],
        truncate=inner["truncate"],
        short_factors=_numbers(inner, "short_factor", where),
        long_factors=_numbers(inner, "long_factor", where),
    )
    if kind == "dynamic":
        found["block_size"] = int(context * scaling.factor)
    return found | {"rope_scaling": scaling}


def _first(*numbers: float | None) -> float:
    return next(number for number in numbers if number is not None)


def _share(found: float | None, share: float | None, where: str) -> float:
    if share is None and found not in (None, 1.0):
        # transformers passes over it in these families, whose channels all turn.
        raise MinilmError(
            f"{where}: rope_parameters: partial_rotary_factor = {found} is not supported; 1.0 is"
        )
    return _first(found, share, 1.0)


def _attention_factor(kind: str, factor: float, inner: Mapping[str, Any], original: int) -> float:
    """The one given, or the published defaults: YaRN's section 3.4, LongRoPE's section 4.1."""
    if kind not in ("yarn", "longrope"):
        return 1.0
    if inner["attention_factor"] is not None:
        return float(inner["attention_factor"])
    if kind == "yarn":
        if inner["mscale"] and inner["mscale_all_dim"]:
            return _sharpening(factor, inner["mscale"]) / _sharpening(
                factor, inner["mscale_all_dim"]
            )
        return _sharpening(factor, 1.0)
    if factor > 1 and original > 1:
        return math.sqrt(1 + math.log(factor) / math.log(original))
    return 1.0


def _sharpening(factor: float, strength: float) -> float:
    return 0.1 * strength * math.log(factor) + 1 if factor > 1 else 1.0


def _numbers(inner: Mapping[str, Any], name: str, where: str) -> tuple[float, ...]:
    numbers = inner[name]
    if not all(isinstance(x, int | float) and not isinstance(x, bool) for x in numbers):
        raise MinilmError(f"{where}: rope_parameters: {name}: expected a list of numbers")
    return tuple(float(x) for x in numbers)


def write(config: GPTConfig) -> dict[str, Any]:
    """The new form, from our configuration, with ``max_position_embeddings``."""
    scaling = config.rope_scaling
    parameters: dict[str, Any] = {"rope_theta": config.rope_base, "rope_type": "default"}
    if config.rope_share != 1:
        parameters["partial_rotary_factor"] = config.rope_share
    fields: dict[str, Any] = {
        "rope_parameters": parameters,
        "max_position_embeddings": config.block_size,
    }
    if scaling.kind == "none":
        return fields
    parameters |= {"rope_type": scaling.kind, "factor": scaling.factor}
    if scaling.kind == "dynamic":
        fields["max_position_embeddings"] = scaling.original_context
    elif scaling.kind != "linear":
        parameters["original_max_position_embeddings"] = scaling.original_context
    if scaling.kind == "llama3":
        parameters["low_freq_factor"] = scaling.low_frequency_factor
        parameters["high_freq_factor"] = scaling.high_frequency_factor
    if scaling.kind in ("yarn", "longrope"):
        parameters["attention_factor"] = scaling.attention_factor
    if scaling.kind == "yarn":
        parameters |= {"beta_fast": scaling.beta_fast, "beta_slow": scaling.beta_slow}
        parameters["truncate"] = scaling.truncate
    if scaling.kind == "longrope":
        parameters["short_factor"] = list(scaling.short_factors)
        parameters["long_factor"] = list(scaling.long_factors)
    return fields
