"""Small random models of `transformers`, for the oracle tests.

It and PyTorch are imported when a model is built, so that this module can be imported
without them; then they neither chatter nor look for a network.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tests.interop.cases import CLASSES, Case

os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")


@contextlib.contextmanager
def in_float64() -> Iterator[None]:
    """Run `transformers` in float64 throughout.

    Its models compute rotary tables, RMSNorm and some of softmax in float32 whatever their
    parameters are. To a float16 model that is a gain, to a float64 one a loss of 9 digits.
    So within this context what it calls float32 is float64, when building and when running.
    """
    import torch

    names = torch.float32, torch.float, torch.Tensor.float, torch.get_default_dtype()
    torch.float32 = torch.float = torch.float64
    torch.Tensor.float = torch.Tensor.double
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.float32, torch.float, torch.Tensor.float, default = names
        torch.set_default_dtype(default)


def precision(dtype: type) -> contextlib.AbstractContextManager[None]:
    """`in_float64`, or nothing for float32."""
    return in_float64() if dtype is np.float64 else contextlib.nullcontext()


def model_class(case: Case) -> Any:
    """The class of `transformers`."""
    module = f"transformers.models.{case.family}.modeling_{case.family}"
    return getattr(importlib.import_module(module), case.architecture)


def build(case: Case, dtype: type = np.float32, spread: float = 0.2) -> Any:
    """The model of a case in eval mode, away from its initial point, where biases are 0.

    Its parameters are float32 numbers, the same for every dtype. Within `precision(dtype)`.
    """
    import torch

    module = f"transformers.models.{case.family}.configuration_{case.family}"
    config_class = getattr(importlib.import_module(module), CLASSES[case.family][0])
    # A copy, since transformers writes into nested objects.
    config = config_class.from_dict(json.loads(json.dumps(case.all_fields)))
    torch.manual_seed(0)
    model = model_class(case)(config).eval()
    rng = np.random.default_rng(1)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            start = 1.0 if "norm" in name.lower() or ".ln_" in name else 0.0
            start = start if name.endswith("weight") and parameter.ndim == 1 else 0.0
            values = start + spread * rng.normal(size=parameter.shape)
            parameter.copy_(torch.from_numpy(values.astype(np.float32)))
    assert next(model.parameters()).dtype == torch.from_numpy(np.zeros(1, dtype)).dtype
    return model


def save(case: Case, model: Any, folder: Path) -> Path:
    """Write the model as `transformers` does; ``config.json`` by hand if the case is old."""
    model.save_pretrained(folder)
    if case.old:
        text = json.dumps({**case.all_fields, "model_type": case.family})
        (folder / "config.json").write_text(text, "utf-8")
    return folder


def parameter(model: Any, tensor: str, prefix: str) -> Any:
    """The parameter of a `transformers` model that its folder calls `tensor`."""
    named = dict(model.named_parameters(remove_duplicate=False))
    tensor = {"embed_out.weight": "lm_head.weight"}.get(tensor, tensor)
    return named[tensor] if tensor in named else named[tensor.removeprefix(prefix)]
