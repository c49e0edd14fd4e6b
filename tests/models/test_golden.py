"""Against numbers that PyTorch once gave (tests/golden/make.py), without PyTorch."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from minilm.backend import TWINS, using
from minilm.models.gpt import GPT
from minilm.objectives.next_token import Batch, NextToken
from minilm.optim.adamw import AdamW
from tests.golden.configs import CONFIGS, OPTIMIZER, STEPS

GOLDEN = Path(__file__).parents[1] / "golden"


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-9), (np.float32, 1e-5)])
@pytest.mark.parametrize("twin", TWINS)
@pytest.mark.parametrize("name", CONFIGS)
def test_golden_states(name: str, twin: str, dtype: type, tolerance: float) -> None:
    golden = load_file(GOLDEN / f"{name}.safetensors")
    config = CONFIGS[name]
    model = GPT(config, dtype=dtype, seed=None)
    for p in model.parameters:
        p.value[...] = golden[f"parameter.{p.name}"]
    ids = golden["windows"].reshape(-1)
    objective = NextToken(
        ids, ids, np.ones(29, int), batch_size=3, block_size=config.block_size, seed=0
    )
    optimizer = AdamW(model.parameters, OPTIMIZER, STEPS)

    def close(ours: np.ndarray, expected: np.ndarray, what: str) -> None:
        assert np.abs(ours - expected).max() < tolerance * np.abs(expected).max(), what

    with using(twin):
        for step, windows in enumerate(golden["windows"].astype(np.int64)):
            batch = Batch(windows[:, :-1], windows[:, 1:], key=0)
            if step == 0:
                close(model.forward(batch.inputs)[0], golden["logits"], "logits")
            model.parameters.zero_gradients()
            loss = objective.loss_and_gradients(model, batch, batch.n_targets)
            if step == 0:
                for p in model.parameters:
                    close(p.grad, golden[f"gradient.{p.name}"], p.name)
            assert loss == pytest.approx(golden["losses"][step], rel=tolerance), step
            assert optimizer.update() == pytest.approx(golden["norms"][step], rel=10 * tolerance)


def test_golden_files_are_small() -> None:
    for path in GOLDEN.glob("*.safetensors"):
        assert path.stat().st_size <= 200_000
