"""Makes the golden files here, with PyTorch in float64: ``python -m tests.golden.make``.

They have the format of `minilm golden`, but no number in them is minilm's own, except the
parameters to begin with (float32 values): logits, loss and the gradient of every parameter of
the first batch, and the loss, gradient norm and learning rate of ten steps of AdamW with
clipping and a cosine schedule. tests/models/test_golden.py checks minilm against them without
PyTorch.
"""

from pathlib import Path

import numpy as np

from minilm.golden import names
from minilm.golden.description import Description, Tensor, to_metadata
from minilm.models.gpt import GPT
from minilm.objectives.config import NoObjective
from minilm.recipes.recipe import Recipe
from minilm.storage.tensor_write import write
from minilm.training.config import TrainingConfig
from tests.golden.configs import CONFIGS, OPTIMIZER, STEPS

B = 3


def states(name: str) -> tuple[GPT, dict[str, np.ndarray]]:
    """The model as it begins, and what PyTorch makes of it, in the order of computation."""
    import torch

    from benchmarks.peer import PeerGPT, adamw, cosine

    config = CONFIGS[name]
    rng = np.random.default_rng(11)
    model = GPT(config, dtype=np.float64, seed=6)
    for p in model.parameters:
        p.value[...] = (p.value + rng.normal(0, 0.05, p.shape)).astype(np.float32)
    peer = PeerGPT(config, model.parameters)
    optimizer = adamw(peer, OPTIMIZER)
    windows = rng.integers(0, config.vocab_size, (STEPS, B, config.block_size + 1))
    found = {"input.tokens": windows[:, :, :-1], "input.targets": windows[:, :, 1:]}
    found |= {f"parameter.{p.name}": p.value.astype(np.float32) for p in model.parameters}
    for step in range(STEPS):
        tokens, targets = (
            torch.from_numpy(found[f"input.{which}"][step].copy())
            for which in ("tokens", "targets")
        )
        optimizer.zero_grad()
        loss = peer.loss(tokens, targets)
        loss.backward()
        if step == 0:
            found["value.head"] = peer(tokens).detach().numpy()
            found["loss"] = loss.detach().numpy()
            for full in names.backward_order([], peer.names):
                parameter = full.removeprefix("gradient.parameter.")
                found[full] = peer[parameter].grad.numpy().copy()
        norm = torch.nn.utils.clip_grad_norm_(peer.parameters(), OPTIMIZER.clip_norm)
        rate = cosine(step, STEPS, OPTIMIZER)
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()
        found[f"step.{step + 1}.loss"] = loss.detach().numpy()
        found[f"step.{step + 1}.gradient_norm"] = norm.numpy()
        found[f"step.{step + 1}.learning_rate"] = np.array(rate)
    return model, found


def make(name: str, path: Path) -> None:
    """Write one golden file."""
    model, found = states(name)
    letters = names.letters(model.config, B, model.config.block_size)
    decaying = {f"parameter.{p.name}" for p in model.parameters if p.decay}
    description = Description(
        recipe=Recipe(
            name=name,
            objective=NoObjective(),
            model=model.config,
            optimizer=OPTIMIZER,
            training=TrainingConfig(steps=STEPS, batch_size=B),
        ),
        dtype="float64",
        n_steps=STEPS,
        letters=letters,
        tensors={
            each: Tensor(names.axes(each, array.shape, letters), each in decaying)
            for each, array in found.items()
        },
        minilm="none: PyTorch",
    )
    write(path, found, to_metadata(description))


if __name__ == "__main__":
    for name in CONFIGS:
        path = Path(__file__).with_name(f"{name}.safetensors")
        make(name, path)
        print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")
