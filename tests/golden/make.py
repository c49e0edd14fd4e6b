"""Makes the golden files, with PyTorch in float64: ``python tests/golden/make.py``.

Each holds a small model's parameters (float32 values), ten batches, and what PyTorch
computes from them: logits and loss of the first batch, the gradient of every parameter,
and the losses and gradient norms of ten steps of AdamW with clipping and a cosine
schedule. `tests/models/test_golden.py` holds minilm against them without PyTorch.
"""

from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from minilm.models.gpt import GPT
from tests.golden.configs import CONFIGS, OPTIMIZER, STEPS


def make(name: str) -> dict[str, np.ndarray]:
    """The tensors of one golden file."""
    import torch

    from benchmarks.peer import PeerGPT, adamw, cosine

    config = CONFIGS[name]
    rng = np.random.default_rng(11)
    model = GPT(config, dtype=np.float64, seed=6)
    for p in model.parameters:
        p.value[...] = (p.value + rng.normal(0, 0.05, p.shape)).astype(np.float32)
    peer = PeerGPT(config, model.parameters)
    optimizer = adamw(peer, OPTIMIZER)
    T = config.block_size
    windows = rng.integers(0, config.vocab_size, (STEPS, 3, T + 1))
    golden = {f"parameter.{p.name}": p.value.astype(np.float32) for p in model.parameters}
    golden["windows"] = windows.astype(np.uint8)
    losses, norms = [], []
    for step in range(STEPS):
        tokens, targets = (
            torch.from_numpy(w.copy()) for w in (windows[step, :, :-1], windows[step, :, 1:])
        )
        optimizer.zero_grad()
        loss = peer.loss(tokens, targets)
        loss.backward()
        if step == 0:
            golden["logits"] = peer(tokens).detach().numpy()
            golden |= {f"gradient.{name}": peer[name].grad.numpy().copy() for name in peer.names}
        norms.append(torch.nn.utils.clip_grad_norm_(peer.parameters(), OPTIMIZER.clip_norm).item())
        for group in optimizer.param_groups:
            group["lr"] = cosine(step, STEPS, OPTIMIZER)
        optimizer.step()
        losses.append(loss.item())
    return golden | {"losses": np.array(losses), "norms": np.array(norms)}


if __name__ == "__main__":
    for name in CONFIGS:
        path = Path(__file__).with_name(f"{name}.safetensors")
        save_file(make(name), path, metadata={"made_by": "tests/golden/make.py"})
        print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")
