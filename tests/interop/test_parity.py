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

from tests.interop import models
from tests.interop.cases import CASES, CAUSAL, SMALL, Case, inputs

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from benchmarks.peer import cosine  # noqa: E402
from minilm.backend import TWINS, ops, using  # noqa: E402
from minilm.interop import exporting, folder  # noqa: E402
from minilm.interop.families import FAMILIES  # noqa: E402
from minilm.models.model import Model  # noqa: E402
from minilm.optim.adamw import AdamW  # noqa: E402
from minilm.optim.config import OptimizerConfig  # noqa: E402

pytestmark = pytest.mark.oracle

F = torch.nn.functional
NOT_TAKEN = ("cls.seq_relationship", "multiple_choice_head")
TOLERANCE = {np.float64: 1e-9, np.float32: 1e-5}


class Task(NamedTuple):
    """Inputs and what makes a loss of the outputs."""

    tokens: np.ndarray  # (B, T)
    mask: np.ndarray  # (B, T)
    types: np.ndarray | None
    targets: np.ndarray  # (B, T), -100 where nothing is predicted
    dfeatures: np.ndarray  # (B, T, C), zero at padding
    dpooled: np.ndarray  # (B, C), zero where the first position, which is pooled, is padding


def task(case: Case, seed: int = 5) -> Task:
    tokens, mask, types = inputs(case, seed)
    rng = np.random.default_rng(100 + seed)
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
    if case.family in CAUSAL:
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


def run_ours(model: Model, t: Task, *, head: bool = True) -> Outcome:
    """The same with `minilm`; adds into the gradients. `head` False leaves the logits out."""
    dtype = model.parameters.values.dtype
    inputs = {"key_mask": t.mask} | ({} if t.types is None else {"token_types": t.types})
    x, saved = model.features(t.tokens, **inputs)
    logits = pooled = None
    if head and model.head is not None:
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
        assert id(parameter) in used or parameter_name.startswith(NOT_TAKEN), parameter_name
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
        ours = run_ours(found.model, t, head=theirs.logits is not None)
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


@pytest.mark.parametrize("name", [*SMALL, "bert both heads", "llama biases"])
def test_ten_steps_of_adamw(name: str, folders: Any) -> None:
    """Losses and, at the end, every parameter, in float64."""
    case = CASES[name]
    settings = OptimizerConfig(learning_rate=1e-2, warmup_steps=3, clip_norm=0.5)
    found = folder.read(folders(name), dtype=np.float64)
    ours, losses, clipped = found.model, [], 0
    optimizer = AdamW(ours.parameters, settings, 10)
    with models.precision(np.float64):
        theirs = models.build(case, np.float64)
        decaying = [p for p in theirs.parameters() if p.ndim >= 2]
        others = [p for p in theirs.parameters() if p.ndim < 2]
        adamw = torch.optim.AdamW(
            [{"params": decaying}, {"params": others, "weight_decay": 0.0}],
            betas=(settings.beta1, settings.beta2),
            eps=settings.eps,
            weight_decay=settings.weight_decay,
        )
        for step in range(10):
            t = task(case, seed=step)
            ours.parameters.zero_gradients()
            loss = run_ours(ours, t).loss
            norm = optimizer.update()

            adamw.zero_grad()
            *_, expected_loss = run_theirs(theirs, case, t)
            expected_loss.backward()
            expected_norm = torch.nn.utils.clip_grad_norm_(theirs.parameters(), settings.clip_norm)
            for group in adamw.param_groups:
                group["lr"] = cosine(step, 10, settings)
            adamw.step()

            assert loss == pytest.approx(expected_loss.item(), rel=1e-9), step
            assert norm == pytest.approx(expected_norm.item(), rel=1e-9), step
            losses.append(loss)
            clipped += norm > settings.clip_norm
    assert clipped > 0
    assert len(set(losses)) == 10
    prefix = found.family.prefix
    values = in_our_layout(
        found, lambda tensor: models.parameter(theirs, tensor, prefix).detach().numpy()
    )
    for p in ours.parameters:
        assert error(p.value, values[p.name]) < 1e-9, p.name


@pytest.mark.parametrize("stored", ["bfloat16", "float16"])
@pytest.mark.parametrize("family", SMALL)
def test_short_floats_are_read_exactly(family: str, stored: str, tmp_path: Path) -> None:
    case, prefix = CASES[family], FAMILIES[family].prefix
    theirs = models.build(case).to(getattr(torch, stored))
    models.save(case, theirs, tmp_path)

    def value(tensor: str) -> np.ndarray:
        return models.parameter(theirs, tensor, prefix).detach().double().numpy()

    for dtype in (np.float32, np.float64):
        found = folder.read(tmp_path, dtype=dtype)
        values = in_our_layout(found, value)
        for p in found.model.parameters:
            np.testing.assert_array_equal(p.value, values[p.name], err_msg=p.name)
        assert found.notes == []


@pytest.mark.parametrize("name", CASES)
def test_an_export_is_opened_by_transformers(name: str, folders: Any, tmp_path: Path) -> None:
    """It computes what the model did that was read, and finds every parameter."""
    case, theirs = CASES[name], expected(name, np.float32, folders(name))
    found = folder.read(folders(name))
    exporting.write(found.model, found.family, tmp_path)
    model, loading = models.model_class(case).from_pretrained(tmp_path, output_loading_info=True)
    assert all(key.startswith(NOT_TAKEN) for key in loading["missing_keys"])
    assert not loading["unexpected_keys"]
    assert not loading["mismatched_keys"]
    t = task(case)
    outputs = run_theirs(model.eval(), case, t)[:3]
    for again, before in zip(outputs, theirs[:3], strict=True):
        assert (again is None) == (before is None)
        if again is not None:
            rows = t.mask if before.ndim == 3 else slice(None)
            assert error(again.detach().numpy()[rows], before[rows]) < 1e-6
