"""Against `transformers`: rotary tables of every kind of scaling, with numbers of all sizes."""

import json
from typing import Any

import numpy as np
import pytest

from tests.interop import models
from tests.interop.cases import SMALL

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from minilm.interop import fields as fields_of  # noqa: E402
from minilm.interop.families import FAMILIES  # noqa: E402

pytestmark = pytest.mark.oracle


def _random_scaling(kind: str, rng: np.random.Generator) -> dict[str, Any]:
    """`rope_parameters` with numbers of all sizes, for 6 pairs of channels."""
    numbers: dict[str, Any] = {"rope_theta": float(10 ** rng.uniform(0.5, 6))}
    factor, original = float(rng.uniform(1, 40)), int(10 ** rng.uniform(1, 4))
    if kind not in ("default", "longrope"):
        numbers["factor"] = factor
    if kind in ("yarn", "llama3", "longrope"):
        numbers["original_max_position_embeddings"] = original
    if kind == "llama3":
        low = float(rng.uniform(0.5, 4))
        numbers |= {"low_freq_factor": low, "high_freq_factor": low + float(rng.uniform(0.1, 8))}
    if kind == "yarn":
        slow = float(rng.uniform(0.3, 4))
        numbers |= {"beta_slow": slow, "beta_fast": slow * float(rng.uniform(1, 40))}
        numbers |= {"truncate": bool(rng.random() < 0.5)}
        numbers |= {"mscale": 0.7, "mscale_all_dim": 1.1} if rng.random() < 0.3 else {}
    if kind == "longrope":
        numbers |= {name: rng.uniform(1, 9, 6).tolist() for name in ("short_factor", "long_factor")}
        numbers |= {"factor": factor} if rng.random() < 0.5 else {}
    if kind in ("yarn", "longrope") and rng.random() < 0.3:
        numbers["attention_factor"] = float(rng.uniform(0.5, 2))
    return {"rope_type": kind, **numbers}


@pytest.mark.parametrize("kind", ["default", "linear", "dynamic", "yarn", "llama3", "longrope"])
def test_rotary_tables_of_random_settings(kind: str) -> None:
    from transformers.models.llama.configuration_llama import LlamaConfig
    from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

    rng = np.random.default_rng(7)
    for _ in range(40):
        context = int(rng.integers(20, 4000))
        scaling = _random_scaling(kind, rng)
        fields = {**SMALL["llama"], "head_dim": 12, "max_position_embeddings": context}
        n = int(rng.choice([1, 19, 3 * context]))
        if kind == "longrope":  # either side of the limit, and at it
            n = scaling["original_max_position_embeddings"] + int(rng.integers(-1, 2))
        with models.in_float64():
            config = LlamaConfig.from_dict(
                json.loads(json.dumps({**fields, "rope_parameters": scaling}))
            )
            cos, sin = LlamaRotaryEmbedding(config)(torch.zeros(1), torch.arange(n)[None])
        raw = fields_of.read(json.loads(config.to_json_string()), FAMILIES["llama"].fields, "")
        tables = FAMILIES["llama"].config(raw, ()).rotary.tables(0, n, np.float64)
        for ours, theirs in zip(tables, (cos, sin), strict=True):
            np.testing.assert_allclose(ours, theirs[0, :, :6].numpy(), rtol=0, atol=1e-9)
