"""Weights in bfloat16: near the float32 model, with the cache and without, on both twins."""

import numpy as np
import pytest

from minilm.backend import using
from minilm.errors import MinilmError
from minilm.generation.cache import Cache
from minilm.generation.half import keep_halves
from minilm.models.config import GPTConfig
from minilm.models.gpt import GPT

CONFIG = GPTConfig(vocab_size=50, block_size=24, n_layer=2, n_head=2, n_embd=32)


@pytest.mark.parametrize("tied", [True, False])
def test_logits_move_by_what_rounding_explains(tied):
    model = GPT(CONFIG.changed(tied_head=tied))
    tokens = np.random.default_rng(0).integers(0, 50, (2, 24))
    whole, _ = model.forward(tokens)
    n_bytes = keep_halves(model)
    assert keep_halves(model) == n_bytes
    half, _ = model.forward(tokens)
    scale = np.abs(whole).max()
    assert 1e-5 * scale < np.abs(half - whole).max() < 2e-2 * scale
    with using("reference"):
        reference, _ = model.forward(tokens)
    np.testing.assert_allclose(half, reference, rtol=0, atol=1e-5 * scale)
    cache = Cache(model, batch_size=2)
    for t in range(24):
        logits = cache.extend(tokens[:, t : t + 1])
        np.testing.assert_allclose(logits, half[:, t], rtol=0, atol=1e-5 * scale)


def test_only_float32_can_be_halved():
    with pytest.raises(MinilmError, match="float32"):
        keep_halves(GPT(CONFIG, dtype=np.float64))
