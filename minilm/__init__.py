"""minilm: how pretraining works, with every gradient written by hand.

    import minilm

    run = minilm.pretrain(minilm.recipe("docs-tour"))       # the same as `minilm pretrain`
    model = minilm.load(run.run)
    print(model.generate("The "))

Names are loaded when they are first used, so that importing the package costs nothing
and starts no threads.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from minilm import backend as backend  # before NumPy: it arranges the threads
from minilm.errors import MinilmError

if TYPE_CHECKING:
    from minilm.gradient_check import gradcheck as gradcheck
    from minilm.models.bert import BERT as BERT
    from minilm.models.bert_config import BERTConfig as BERTConfig
    from minilm.models.config import GPTConfig as GPTConfig
    from minilm.models.gpt import GPT as GPT
    from minilm.nn.taps import Taps as Taps
    from minilm.recipes.classifiers import load_classifier as load_classifier
    from minilm.recipes.finetune import finetune as finetune
    from minilm.recipes.loading import load as load
    from minilm.recipes.loading import load_encoder as load_encoder
    from minilm.recipes.loading import load_masked as load_masked
    from minilm.recipes.pretrain import pretrain as pretrain
    from minilm.recipes.pretrain import resume as resume
    from minilm.recipes.reading import load as recipe

__all__ = [
    "BERT",
    "GPT",
    "BERTConfig",
    "GPTConfig",
    "MinilmError",
    "Taps",
    "__version__",
    "backend",
    "finetune",
    "gradcheck",
    "load",
    "load_classifier",
    "load_encoder",
    "load_masked",
    "pretrain",
    "recipe",
    "resume",
]

__version__ = "0.1.0"

_HOMES = {
    "BERT": ("minilm.models.bert", "BERT"),
    "BERTConfig": ("minilm.models.bert_config", "BERTConfig"),
    "GPT": ("minilm.models.gpt", "GPT"),
    "GPTConfig": ("minilm.models.config", "GPTConfig"),
    "finetune": ("minilm.recipes.finetune", "finetune"),
    "gradcheck": ("minilm.gradient_check", "gradcheck"),
    "Taps": ("minilm.nn.taps", "Taps"),
    "load": ("minilm.recipes.loading", "load"),
    "load_classifier": ("minilm.recipes.classifiers", "load_classifier"),
    "load_encoder": ("minilm.recipes.loading", "load_encoder"),
    "load_masked": ("minilm.recipes.loading", "load_masked"),
    "pretrain": ("minilm.recipes.pretrain", "pretrain"),
    "recipe": ("minilm.recipes.reading", "load"),
    "resume": ("minilm.recipes.pretrain", "resume"),
}


def __getattr__(name: str) -> Any:
    if name in ("golden", "interop"):
        return importlib.import_module(f"minilm.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'minilm' has no attribute {name!r}")
    module, attribute = _HOMES[name]
    return getattr(importlib.import_module(module), attribute)


def __dir__() -> list[str]:
    return __all__
