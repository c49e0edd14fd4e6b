"""Against `transformers`: features, logits, every gradient, the losses of ten steps.

Each model is built and saved by `transformers`, read from its folder, and run on the same
inputs with the same loss. float64 is float64 throughout (see `models.in_float64`).

An error is relative to the scale of its tensor: the largest number in what `transformers`
gives. Gradients are compared in our layout, where queries, keys and values are one tensor:
the gradient of a key's bias is zero in theory wherever positions do not turn the keys (it
adds the same number to all scores of a query), so that its own scale would be that of
rounding errors. For the same reason one position alone has no gradient of queries and keys.
"""

import functools
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from benchmarks.peer import cosine  # noqa: E402
from minilm.backend import TWINS, ops, using  # noqa: E402
from minilm.interop import folder  # noqa: E402
from minilm.models.model import Model  # noqa: E402
from minilm.optim.adamw import AdamW  # noqa: E402
from minilm.optim.config import OptimizerConfig  # noqa: E402
from tests.interop import models  # noqa: E402
from tests.interop.models import CASES, Case  # noqa: E402

pytestmark = pytest.mark.oracle

F = torch.nn.functional
TOLERANCE = {np.float64: 1e-9, np.float32: 1e-5}


class Task(NamedTuple):
    """Inputs and what makes a loss of the outputs."""

    tokens: np.ndarray  # (B, T)
    mask: np.ndarray  # (B, T)
    types: np.ndarray | None
    targets: np.ndarray  # (B, T), -100 where nothing is predicted
    dfeatures: np.ndarray  # (B, T, C), zero at padding
    dpooled: np.ndarray  # (B, C), zero where the first position, which is pooled, is padding


def task(case: Case) -> Task:
    tokens, mask, types = models.inputs(case)
    rng = np.random.default_rng(11)
    C = case.all_fields.get("n_embd") or case.all_fields["hidden_size"]
    targets = np.where(mask, rng.integers(0, case.all_fields["vocab_size"], tokens.shape), -100)
    dfeatures = rng.normal(size=(*tokens.shape, C)).astype(np.float32) * mask[:, :, None]
    dpooled = rng.normal(size=(len(tokens), C)) * mask[:, :1]
    return Task(tokens, mask, types, targets, dfeatures, dpooled)


class Outcome(NamedTuple):
    features: np.ndarray
    logits: np.ndarray | None
    pooled: np.ndarray | None
    loss: float
    gradients: dict[str, np.ndarray]


def run_theirs(model: Any, case: Case, t: Task) -> tuple[Any, ...]:
    """(features, logits, pooled, loss) by PyTorch; logits or pooled is None without its head."""
    kwargs = {"attention_mask": torch.from_numpy(t.mask.astype(np.int64))}
    if t.types is not None:
        kwargs["token_type_ids"] = torch.from_numpy(t.types)
    if case.family in models.CAUSAL:
        kwargs["use_cache"] = False
    base = getattr(model, model.base_model_prefix, model)
    seen = {}
    hook = base.register_forward_hook(lambda module, inputs, output: seen.update(output))
    out = model(torch.from_numpy(t.tokens), **kwargs)
    hook.remove()
    logits = getattr(out, "logits", getattr(out, "prediction_logits", None))
    features, pooled = seen["last_hidden_state"], seen.get("pooler_output")
    dtype = features.dtype
    if logits is not None:
        loss = F.cross_entropy(logits.flatten(0, 1), torch.from_numpy(t.targets).flatten())
    else:
        real = features[torch.from_numpy(t.mask)]
        loss = (real * torch.from_numpy(t.dfeatures[t.mask]).to(dtype)).sum()
    if pooled is not None:
        loss = loss + (pooled * torch.from_numpy(t.dpooled).to(dtype)).sum()
    return features, logits, pooled, loss


def run_ours(model: Model, t: Task) -> Outcome:
    """The same with `minilm`; adds into the gradients."""
    dtype = model.parameters.values.dtype
    inputs = {"key_mask": t.mask} | ({} if t.types is None else {"token_types": t.types})
    x, saved = model.features(t.tokens, **inputs)
    logits = pooled = None
    if model.head is not None:
        logits, s_head = model.head.forward(x)
        flat = logits.reshape(-1, logits.shape[-1])
        loss, s_loss = ops.softmax_cross_entropy.forward(flat, t.targets.reshape(-1))
        dlogits = ops.softmax_cross_entropy.backward(1.0, s_loss).reshape(logits.shape)
        dx = model.head.backward(dlogits, s_head)
    else:
        loss, dx = np.sum(x * t.dfeatures), t.dfeatures.astype(dtype)
    if getattr(model, "pooler", None):
        pooled, s_pooler = model.pooler.forward(x)
        loss += np.sum(pooled * t.dpooled)
        dx = dx + model.pooler.backward(t.dpooled.astype(dtype), s_pooler)
    model.features_backward(dx, saved)
    gradients = {p.name: p.grad for p in model.parameters}
    return Outcome(x, logits, pooled, float(loss), gradients)


def in_our_layout(found: folder.Imported, value: Any) -> dict[str, np.ndarray]:
    """What `value(tensor)` gives for each of their tensors, put together as our parameters."""
    arrays = {
        p.name: np.full(p.shape, np.nan, found.model.parameters.values.dtype)
        for p in found.model.parameters
    }
    for piece in found.family.pieces(found.model.config):
        array = value(piece.tensor)
        piece.put(arrays[piece.parameter], slice(0, len(array)), array)
    return arrays


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Name of a case -> its folder, written once."""

    @functools.cache
    def written(name: str) -> Path:
        path = tmp_path_factory.mktemp("case")
        return models.save(CASES[name], models.build(CASES[name]), path)

    return written


@functools.cache
def expected(name: str, dtype: type, path: Path) -> Outcome:
    """What `transformers` computes; kept for the second twin."""
    case = CASES[name]
    with models.precision(dtype):
        model = models.build(case, dtype)
        features, logits, pooled, loss = run_theirs(model, case, task(case))
        loss.backward()
    found = folder.read(path, dtype=dtype)
    used = set()

    def gradient(tensor: str) -> np.ndarray:
        parameter = models.parameter(model, tensor, found.family.prefix)
        used.add(id(parameter))
        return parameter.grad.numpy()

    gradients = in_our_layout(found, gradient)
    for parameter_name, parameter in model.named_parameters():
        assert id(parameter) in used or "seq_relationship" in parameter_name, parameter_name
    arrays = [None if a is None else a.detach().numpy() for a in (features, logits, pooled)]
    return Outcome(*arrays, loss.item(), gradients)


def error(ours: np.ndarray, theirs: np.ndarray) -> float:
    scale = np.abs(theirs).max()
    return float(np.abs(ours - theirs).max() / scale) if scale else float(np.abs(ours).max())


@pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["float64", "float32"])
@pytest.mark.parametrize("twin", TWINS)
@pytest.mark.parametrize("name", CASES)
def test_outputs_and_every_gradient(name: str, twin: str, dtype: type, folders: Any) -> None:
    t, theirs = task(CASES[name]), expected(name, dtype, folders(name))
    found = folder.read(folders(name), dtype=dtype)
    with using(twin):
        ours = run_ours(found.model, t)
    tolerance = TOLERANCE[dtype]
    worst = {"features": error(ours.features[t.mask], theirs.features[t.mask])}
    for what in ("logits", "pooled"):
        value, reference = getattr(ours, what), getattr(theirs, what)
        assert (value is None) == (reference is None), what
        if value is not None:
            rows = t.mask if what == "logits" else slice(None)
            worst[what] = error(value[rows], reference[rows])
    worst["loss"] = abs(ours.loss / theirs.loss - 1)
    worst |= {k: error(g, theirs.gradients[k]) for k, g in ours.gradients.items()}
    assert max(worst.values()) < tolerance, {k: v for k, v in worst.items() if not v < tolerance}
