"""Against PyTorch: logits, every gradient, and the losses of ten optimiser steps."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from benchmarks.peer import PeerGPT, adamw, cosine  # noqa: E402
from minilm.backend import TWINS, using  # noqa: E402
from minilm.models.config import GPTConfig  # noqa: E402
from minilm.models.gpt import GPT  # noqa: E402
from minilm.objectives.batch import Batch  # noqa: E402
from minilm.objectives.next_token import NextToken  # noqa: E402
from minilm.optim.adamw import AdamW  # noqa: E402
from minilm.optim.config import OptimizerConfig  # noqa: E402
from tests.models.options import MODERN as MODERN_OPTIONS  # noqa: E402

pytestmark = pytest.mark.oracle

GPT2 = GPTConfig(vocab_size=65, block_size=33, n_layer=3, n_head=4, n_embd=64)
MODERN = GPTConfig(
    vocab_size=65,
    block_size=33,
    n_layer=3,
    n_head=4,
    n_kv_head=2,
    n_embd=64,
    **MODERN_OPTIONS,
)
RELU = GPTConfig(
    vocab_size=65, block_size=33, n_layer=2, n_head=1, n_embd=32, activation="squared_relu"
)
EXACT = GPTConfig(
    vocab_size=65, block_size=1, n_layer=2, n_head=2, n_embd=32, activation="gelu_exact"
)
CONFIGS = {"gpt2": GPT2, "modern": MODERN, "squared relu": RELU, "one position": EXACT}
TOLERANCE = {np.float64: 1e-9, np.float32: 1e-5}


def _pair(config: GPTConfig, dtype: type) -> tuple[GPT, PeerGPT]:
    model = GPT(config, dtype=dtype, seed=2)
    noise = np.random.default_rng(8).normal(0, 0.05, model.parameters.values.shape)
    for parameter in model.parameters:  # not the gaps between them, which stay zero
        parameter.value[...] += model.parameters.view(noise, parameter.name).astype(dtype)
    return model, PeerGPT(config, model.parameters)


def _ids(config: GPTConfig, n: int) -> np.ndarray:
    return np.random.default_rng(4).integers(0, config.vocab_size, n)


def _error(ours: np.ndarray, theirs: "torch.Tensor") -> float:
    expected = theirs.detach().numpy()
    return float(np.abs(ours - expected).max() / np.abs(expected).max())


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("twin", TWINS)
@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS.keys())
def test_logits_and_every_gradient(config: GPTConfig, twin: str, dtype: type) -> None:
    model, peer = _pair(config, dtype)
    T = config.block_size
    windows = _ids(config, 4 * (T + 1)).reshape(4, T + 1)
    batch = Batch(windows[:, :-1], windows[:, 1:], key=0)
    objective = NextToken(
        _ids(config, 200), _ids(config, 200), np.ones(65, int), batch_size=4, block_size=T, seed=0
    )
    with using(twin):
        logits, _ = model.forward(batch.inputs)
        loss = objective.loss_and_gradients(model, batch, batch.n_targets)
    theirs = peer(torch.from_numpy(batch.inputs))
    expected = peer.loss(torch.from_numpy(batch.inputs), torch.from_numpy(batch.targets.copy()))
    expected.backward()

    tolerance = TOLERANCE[dtype]
    assert _error(logits, theirs) < tolerance
    assert loss == pytest.approx(expected.item(), rel=tolerance)
    for parameter in model.parameters:
        assert _error(parameter.grad, peer[parameter.name].grad) < tolerance, parameter.name


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("config", [GPT2, MODERN], ids=["gpt2", "modern"])
def test_ten_steps_of_adamw(config: GPTConfig, dtype: type) -> None:
    settings = OptimizerConfig(learning_rate=3e-3, warmup_steps=3, clip_norm=0.5)
    model, peer = _pair(config, dtype)
    ids = _ids(config, 3000)
    objective = NextToken(
        ids, ids, np.ones(65, int), batch_size=6, block_size=config.block_size, seed=0
    )
    optimizer, theirs = AdamW(model.parameters, settings, 10), adamw(peer, settings)
    for step in range(10):
        batch = objective.batch(step)
        model.parameters.zero_gradients()
        loss = objective.loss_and_gradients(model, batch, batch.n_targets)
        norm = optimizer.update()

        theirs.zero_grad()
        expected = peer.loss(torch.from_numpy(batch.inputs), torch.from_numpy(batch.targets.copy()))
        expected.backward()
        expected_norm = torch.nn.utils.clip_grad_norm_(peer.parameters(), settings.clip_norm)
        for group in theirs.param_groups:
            group["lr"] = cosine(step, 10, settings)
        theirs.step()

        tolerance = {np.float64: 1e-9, np.float32: 1e-5}[dtype]
        assert loss == pytest.approx(expected.item(), rel=tolerance), step
        assert norm == pytest.approx(expected_norm.item(), rel=10 * tolerance), step
