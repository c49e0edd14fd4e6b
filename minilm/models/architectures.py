"""The architectures by name: which configuration, and which model is made of it."""

from __future__ import annotations

from numpy.typing import DTypeLike

from minilm.models.bert import BERT
from minilm.models.bert_config import BERTConfig
from minilm.models.config import GPTConfig
from minilm.models.gpt import GPT
from minilm.models.model import Model
from minilm.models.model_config import ModelConfig

__all__ = ["CONFIGS", "MODELS", "build"]

CONFIGS: dict[str, type[ModelConfig]] = {"gpt": GPTConfig, "bert": BERTConfig}
MODELS: dict[str, type[Model]] = {"gpt": GPT, "bert": BERT}


def build(config: ModelConfig, *, dtype: DTypeLike = "float32", seed: int | None = 0) -> Model:
    """The model of a configuration; see the models for `dtype` and `seed`.

    Examples
    --------
    >>> build(BERTConfig(vocab_size=7, n_layer=1)).causal
    False
    """
    return MODELS[config.architecture](config, dtype=dtype, seed=seed)
