"""What a model costs before it runs: parameters, arithmetic, memory.

Counted are the matrix products, which are all but a few per cent of the arithmetic, and
the arrays that a forward pass keeps for its backward pass, which are nearly all of the
memory beside the parameters. Attention counts as causal: half of the T x T pairs.

A product (n, i) @ (i, o) takes 2 n i o floating-point operations; its backward pass has
two of that size (for the input and for the weight), so training costs three forwards.
"""

from __future__ import annotations

from minilm.models.architectures import MODELS
from minilm.models.model_config import ModelConfig
from minilm.nn.parameters import ALIGNMENT, Parameter

__all__ = [
    "activation_bytes",
    "cache_bytes_per_token",
    "forward_flops_per_token",
    "n_parameters",
    "parameter_bytes",
    "training_bytes",
    "transient_bytes",
]

EMBEDDINGS = ("token_embedding.weight", "position_embedding.weight", "type_embedding.weight")


def _declared(config: ModelConfig) -> list[Parameter]:
    return MODELS[config.architecture].declare(config)


def n_parameters(config: ModelConfig) -> int:
    """Entries in all parameters; tied weights count once."""
    return sum(parameter.size for parameter in _declared(config))


def parameter_bytes(config: ModelConfig, itemsize: int = 4) -> int:
    """Values, gradients and both Adam moments, with the gaps of alignment."""
    sizes = (parameter.size for parameter in _declared(config))
    return 4 * itemsize * sum(-(-size // ALIGNMENT) * ALIGNMENT for size in sizes)


def forward_flops_per_token(
    config: ModelConfig, context: int | None = None, predicted: float = 1.0
) -> float:
    """Floating-point operations of one forward pass, averaged over `context` positions.

    `context` is T, by default `block_size`; `predicted` the share of the positions at which
    the head runs. Training takes three times this.
    """
    T = context or config.block_size
    weights = 0.0
    for parameter in _declared(config):
        if len(parameter.shape) == 2 and parameter.name not in EMBEDDINGS:
            share = predicted if parameter.name.startswith("head.") else 1.0
            weights += share * parameter.size
    if config.tied_head:
        weights += predicted * config.vocab_size * config.n_embd
    # Two products per query with each key: q @ k.T and weights @ v.
    keys = (T + 1) / 2 if config.causal else T
    attention = config.n_layer * 2 * 2 * config.n_head * config.head_size * keys
    return 2 * weights + attention


def _qkv_columns(config: ModelConfig) -> int:
    return (config.n_head + 2 * config.kv_heads) * config.head_size


def activation_bytes(config: ModelConfig, batch_size: int, itemsize: int = 4) -> int:
    """Bytes that the features of (batch_size, block_size) tokens keep for backward.

    Per position and layer, in numbers: what each norm reads (2C; parallel norms read the
    same C) and gives (2C), one rstd each, q, k and v, the attention's output (H D), and the
    MLP's hidden values before the activation; those after it are computed again. Means and
    log-sum-exps (H) are float64 whatever the rest is. The ids and what the head keeps are not
    counted.
    """
    C, F, H = config.n_embd, config.hidden_size, config.n_head
    n_inputs = 1 if config.block == "parallel" else 2
    n_means = 1 if config.norm == "layer_norm" else 0
    per_layer = (n_inputs + 2) * C + 2 + _qkv_columns(config) + H * config.head_size
    per_layer += (2 if config.activation == "swiglu" else 1) * F
    heads = H + config.kv_heads
    if config.rotary or config.qk_norm:
        per_layer += heads * config.head_size  # queries and keys as attention sees them
    if config.qk_norm:
        per_layer += heads
    wide_per_layer = 2 * n_means + H
    ends = 2 * C + 1  # one more norm with its input, and the features
    numbers = itemsize * (config.n_layer * per_layer + ends)
    wide_numbers = 8 * (config.n_layer * wide_per_layer + n_means)
    tables = itemsize * config.rotary.n_channel if config.rotary else 0  # for all layers and rows
    return config.block_size * (batch_size * (numbers + wide_numbers) + tables)


def transient_bytes(config: ModelConfig, batch_size: int, itemsize: int = 4) -> int:
    """The most that one layer's backward holds at a time beside what was saved."""
    C, F = config.n_embd, config.hidden_size
    up = 2 * F if config.activation == "swiglu" else F
    widest = max(2 * C + F + up, 3 * C + 2 * _qkv_columns(config))
    largest_weight = max(parameter.size for parameter in _declared(config))
    return itemsize * (batch_size * config.block_size * widest + largest_weight)


def training_bytes(config: ModelConfig, batch_size: int, itemsize: int = 4) -> int:
    """Parameters with their optimiser, activations and transients of one micro-batch."""
    return (
        parameter_bytes(config, itemsize)
        + activation_bytes(config, batch_size, itemsize)
        + transient_bytes(config, batch_size, itemsize)
    )


def cache_bytes_per_token(config: ModelConfig, itemsize: int = 4) -> int:
    """Bytes of keys and values that generation keeps per position and sequence."""
    return 2 * config.n_layer * config.kv_heads * config.head_size * itemsize
