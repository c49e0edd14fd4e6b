"""The models whose golden states are kept, and small ones to write golden files of."""

from pathlib import Path
from typing import Any

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

from minilm import golden
from minilm.models.architectures import build
from minilm.models.bert_config import BERTConfig
from minilm.models.config import GPTConfig
from minilm.models.model import Model
from minilm.models.model_config import ModelConfig
from minilm.objectives.config import NoObjective
from minilm.optim.config import OptimizerConfig
from minilm.recipes.recipe import Recipe
from tests.models.options import MODERN as MODERN_OPTIONS

CONFIGS = {
    "gpt2": GPTConfig(vocab_size=29, block_size=11, n_layer=2, n_head=2, n_embd=20),
    "modern": GPTConfig(
        vocab_size=29,
        block_size=11,
        n_layer=2,
        n_head=4,
        n_kv_head=2,
        n_embd=24,
        **MODERN_OPTIONS,
    ),
}
OPTIMIZER = OptimizerConfig(learning_rate=3e-3, warmup_steps=2, clip_norm=0.5)
STEPS = 10

SMALL: dict[str, ModelConfig] = {
    "gpt2": GPTConfig(vocab_size=13, block_size=9, n_layer=2, n_head=2, n_embd=12, dropout=0.3),
    "modern": GPTConfig(
        vocab_size=13, block_size=9, n_layer=1, n_head=4, n_kv_head=2, n_embd=16,
        **MODERN_OPTIONS,
    ),
    "parallel": GPTConfig(
        vocab_size=13, block_size=9, n_layer=1, n_head=2, n_embd=12, block="parallel"
    ),
    "bert": BERTConfig(vocab_size=13, block_size=9, n_layer=1, n_head=2, n_embd=12),
    "headless": BERTConfig(
        vocab_size=13, block_size=9, n_layer=1, n_head=2, n_embd=12, padding_id=1, n_token_type=1,
        masked_head=False, pooler=True,
    ),
}  # fmt: skip
RECIPE = Recipe(name="small", objective=NoObjective(), optimizer=OPTIMIZER)


def small_model(name: str = "gpt2", dtype: str = "float32") -> Model:
    """A model moved off its initial values, where biases are 0."""
    model = build(SMALL[name], dtype=dtype, seed=3)
    rng = np.random.default_rng(5)
    for p in model.parameters:
        p.value[...] = (p.value + rng.normal(0, 0.2, p.shape)).astype(np.float32)
    return model


def small_file(path: Path, name: str = "gpt2", **options: Any) -> Path:
    """A golden file of a small model, of two steps."""
    settings = {"recipe": RECIPE, "n_steps": 2, "dtype": "float64", **options}
    golden.record(small_model(name), path, **settings)
    return path


def tensors(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """What a file holds, and its metadata."""
    with safe_open(path, "np") as file:
        return {name: file.get_tensor(name) for name in file.keys()}, file.metadata()  # noqa: SIM118


def changed(path: Path, source: Path, **arrays: np.ndarray | None) -> Path:
    """A copy of a golden file with other tensors; dots in their names are written as ``__``."""
    found, metadata = tensors(source)
    for name, array in arrays.items():
        name = name.replace("__", ".")
        if array is None:
            del found[name]
        else:
            found[name] = array
    save_file(found, path, metadata)
    return path
