"""Well-known configurations by name.

GPT-2's four are Radford et al. (2019), table 2. The small ones keep GPT-2's architecture
at a size that a laptop trains in minutes; those that begin with ``modern`` have the
choices of present-day models: RoPE, RMSNorm, SwiGLU, QK-norm, grouped key-value heads,
no biases, an untied head.
"""

from __future__ import annotations

from dataclasses import replace

from minilm.errors import MinilmError, did_you_mean
from minilm.models.config import GPTConfig

__all__ = ["SIZES", "named"]

_GPT2 = GPTConfig(vocab_size=50257, block_size=1024, n_layer=12, n_head=12, n_embd=768)
_SMALL = GPTConfig(block_size=128)
_MODERN = GPTConfig(
    block_size=128,
    position="rope",
    norm="rms_norm",
    activation="swiglu",
    bias=False,
    qk_norm=True,
    tied_head=False,
)

SIZES: dict[str, GPTConfig] = {
    "nano": replace(_SMALL, n_layer=3, n_head=3, n_embd=48),
    "micro": replace(_SMALL, n_layer=4, n_head=4, n_embd=128),
    "mini": replace(_SMALL, n_layer=6, n_head=6, n_embd=192),
    "small": replace(_SMALL, n_layer=6, n_head=6, n_embd=384, block_size=256),
    "modern-micro": replace(_MODERN, n_layer=4, n_head=4, n_kv_head=2, n_embd=128),
    "modern-mini": replace(_MODERN, n_layer=6, n_head=6, n_kv_head=2, n_embd=192),
    "gpt2": _GPT2,
    "gpt2-medium": replace(_GPT2, n_layer=24, n_head=16, n_embd=1024),
    "gpt2-large": replace(_GPT2, n_layer=36, n_head=20, n_embd=1280),
    "gpt2-xl": replace(_GPT2, n_layer=48, n_head=25, n_embd=1600),
}


def named(name: str) -> GPTConfig:
    """The configuration called `name`.

    Raises
    ------
    MinilmError
        With the nearest name.

    Examples
    --------
    >>> named("gpt2").n_parameters()
    124439808
    """
    if name not in SIZES:
        raise MinilmError(f"no size {name!r}{did_you_mean(name, SIZES)}")
    return SIZES[name]
