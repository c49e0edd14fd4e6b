"""Predicted costs against what really happens."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from minilm.aligned import LINE
from minilm.backend import using
from minilm.models import costs
from minilm.models.architectures import build
from minilm.models.bert_config import BERTConfig
from minilm.models.config import GPTConfig
from minilm.models.gpt import GPT
from minilm.models.sizes import SIZES

# Radford et al. (2019) rounds; these are the counts of the published checkpoints.
GPT2_PARAMETERS = {
    "gpt2": 124_439_808,
    "gpt2-medium": 354_823_168,
    "gpt2-large": 774_030_080,
    "gpt2-xl": 1_557_611_200,
}
SMALL = GPTConfig(vocab_size=20, block_size=48, n_layer=3, n_head=4, n_embd=64)
MODERN = replace(SIZES["modern-micro"], vocab_size=20, block_size=48)


@pytest.mark.parametrize(("name", "expected"), GPT2_PARAMETERS.items())
def test_the_published_number_of_parameters(name: str, expected: int) -> None:
    assert SIZES[name].n_parameters() == expected


def test_allocated_parameters_are_those_declared() -> None:
    for config in (SMALL, MODERN):
        model = GPT(config)
        assert model.parameters.n_parameters == config.n_parameters()
        assert 4 * model.parameters.values.nbytes == costs.parameter_bytes(config)


def _arrays(saved: object) -> Iterator[np.ndarray]:
    if isinstance(saved, np.ndarray):
        if saved.dtype.kind == "f":
            yield saved
    elif isinstance(saved, (tuple, list)):
        for part in saved:
            yield from _arrays(part)


def _held(saved: object, not_counted: np.ndarray) -> int:
    """Bytes of the buffers behind all arrays of floats in `saved`, each once."""
    buffers = {}
    for array in _arrays(saved):
        while isinstance(array.base, np.ndarray):
            array = array.base
        if not np.shares_memory(array, not_counted):
            spare = LINE if array.dtype == np.uint8 else 0  # of an array that begins with a line
            buffers[array.ctypes.data] = array.nbytes - spare
    return sum(buffers.values())


WIRINGS = {
    "gpt2": SMALL,
    "modern": MODERN,
    "squared relu": replace(SMALL, activation="squared_relu"),
    "partial rotary": replace(SMALL, position="rope", rope_share=0.5, n_kv_head=2, head_dim=8),
    "qk-norm": replace(SMALL, qk_norm=True),
    "rotary and qk-norm": replace(SMALL, position="rope", qk_norm=True, bias=False),
    "parallel": replace(SMALL, block="parallel", norm="rms_norm"),
    "bert": BERTConfig(vocab_size=20, block_size=48, n_layer=3, n_head=4, n_embd=64),
    "rotary bert": BERTConfig(
        vocab_size=20, block_size=48, n_layer=3, n_head=4, n_embd=64, position="rope"
    ),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("twin", ["reference", "kernels"])
@pytest.mark.parametrize("name", WIRINGS)
def test_activation_bytes_are_what_forward_keeps(name: str, twin: str, dtype: str) -> None:
    config = WIRINGS[name]
    model = build(config, dtype=dtype)
    tokens = np.zeros((5, config.block_size), np.int64)
    with using(twin):
        features, saved = model.features(tokens)
    held = _held((features, saved), model.parameters.values)
    assert held == costs.activation_bytes(config, 5, np.dtype(dtype).itemsize)


def test_flops_count_the_matrix_products() -> None:
    L, C, F, V, T = 3, 64, 256, 20, 48
    weights = L * (C * 3 * C + C * C + 2 * C * F) + V * C
    pairs = sum(t + 1 for t in range(T)) / T  # keys that a query sees, on average
    attention = L * (pairs * C + pairs * C)
    assert SMALL.flops_per_token() == pytest.approx(3 * 2 * (weights + attention))

    K_columns = 2 * 2 * 32  # keys and values of 2 heads of 32
    weights = 4 * (128 * (128 + K_columns) + 128 * 128 + 128 * 2 * 344 + 344 * 128) + 20 * 128
    attention = 4 * 2 * pairs * 128
    assert MODERN.flops_per_token() == pytest.approx(3 * 2 * (weights + attention))


def test_cache_bytes() -> None:
    assert SIZES["gpt2"].cache_bytes_per_token() == 2 * 12 * 768 * 4
    assert MODERN.cache_bytes_per_token() == 2 * 4 * 2 * 32 * 4
