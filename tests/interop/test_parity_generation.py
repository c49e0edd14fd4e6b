"""Against `transformers`: greedy generation with and without a cache, and what is sampled from.

In float64 throughout (see `models.in_float64`), so that two logits are never so near each
other that rounding decides between them.
"""

import functools
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.interop import models
from tests.interop.cases import Case

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from transformers.generation.logits_process import (  # noqa: E402
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from minilm.generation.generate import generate  # noqa: E402
from minilm.generation.sampling import probabilities  # noqa: E402
from minilm.interop import folder  # noqa: E402

pytestmark = pytest.mark.oracle

N_TOKENS = 100
PROMPT = [3, 7, 11, 3, 5]
_LONG = {"max_position_embeddings": 128}


def _scaled(kind: str, **numbers: Any) -> dict[str, Any]:
    return {"rope_parameters": {"rope_type": kind, "rope_theta": 10000.0, **numbers}}


CASES = {
    "gpt2": Case("gpt2", {"n_positions": 128}),
    "llama": Case("llama", _LONG),
    "qwen2": Case("qwen2", _LONG),
    "qwen3": Case("qwen3", _LONG),
    "gpt_neox": Case("gpt_neox", _LONG),
    "llama yarn": Case(
        "llama", _LONG | _scaled("yarn", factor=4.0, original_max_position_embeddings=32)
    ),
}
# Here the text outgrows the original context on its way, and with it the frequencies change:
# what is in the cache keeps the old ones, so that with and without it texts may differ.
GROWING = {
    "llama dynamic": Case(
        "llama", {"max_position_embeddings": 50} | _scaled("dynamic", factor=3.0)
    ),
    "llama longrope": Case(
        "llama",
        _LONG
        | _scaled(
            "longrope",
            short_factor=[1.0, 1.0, 1.5],
            long_factor=[1.5, 3.0, 9.0],
            original_max_position_embeddings=50,
        ),
    ),
}


def _theirs(model: Any, *, use_cache: bool) -> list[int]:
    model.generation_config.eos_token_id = None
    with models.in_float64():
        tokens = model.generate(
            torch.tensor([PROMPT]),
            attention_mask=torch.ones(1, len(PROMPT), dtype=torch.long),
            max_new_tokens=N_TOKENS,
            do_sample=False,
            use_cache=use_cache,
            pad_token_id=0,
        )
    return tokens[0, len(PROMPT) :].tolist()


def _ours(model: Any, *, use_cache: bool) -> list[int]:
    rng = np.random.default_rng(0)
    prompt = np.array(PROMPT)
    options = {"max_tokens": N_TOKENS, "temperature": 0, "use_cache": use_cache}
    return list(generate(model, prompt, rng=rng, **options))


def _pair(case: Case, path: Path) -> tuple[Any, Any]:
    """The model of `transformers` and ours."""
    with models.in_float64():
        # Far from its initial point a model writes more than one token over and over.
        theirs = models.build(case, np.float64, spread=0.6)
    return theirs, folder.read(models.save(case, theirs, path), dtype=np.float64).model


@pytest.mark.parametrize("name", CASES)
def test_greedy(name: str, tmp_path: Path) -> None:
    theirs, ours = _pair(CASES[name], tmp_path)
    expected = _theirs(theirs, use_cache=True)
    assert len(expected) == N_TOKENS
    assert len(set(expected)) > 5
    assert _ours(ours, use_cache=True) == expected
    assert _ours(ours, use_cache=False) == expected


@pytest.mark.parametrize("use_cache", [True, False], ids=["cache", "no cache"])
@pytest.mark.parametrize("name", GROWING)
def test_greedy_beyond_the_original_context(name: str, use_cache: bool, tmp_path: Path) -> None:
    theirs, ours = _pair(GROWING[name], tmp_path)
    expected = _theirs(theirs, use_cache=use_cache)
    assert len(set(expected)) > 5
    assert _ours(ours, use_cache=use_cache) == expected


_RNG = np.random.default_rng(2)
LOGITS = {
    "random": _RNG.normal(size=50),
    "peaked": 30 * _RNG.normal(size=50),
    "flat": 1e-3 * _RNG.normal(size=50),
    "ties": _RNG.integers(-2, 3, 50).astype(float),
    "all equal": np.zeros(16),
    "two values": np.repeat([1.0, 0.0], [3, 13]),
    "forbidden": np.where(_RNG.random(50) < 0.5, -np.inf, _RNG.normal(size=50)),
    "one token": np.array([0.3]),
}


def _warped(logits: np.ndarray, temperature: float, top_k: int | None, top_p: float | None) -> Any:
    """Theirs, in the order of their `generate`."""
    warpers = [TemperatureLogitsWarper(temperature)]
    if top_k is not None:
        warpers.append(TopKLogitsWarper(top_k))
    if top_p is not None:
        warpers.append(TopPLogitsWarper(top_p))
    scores = torch.from_numpy(logits)[None]
    for warper in warpers:
        scores = warper(None, scores)
    return scores[0].softmax(-1).numpy()


@pytest.mark.parametrize("name", LOGITS)
def test_what_is_sampled_from(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which of equal tokens top_p keeps hangs on how PyTorch sorts, which it leaves open.

    So theirs runs twice: as it is, where the same numbers must come out in some order, and
    with a stable sort, where each must be that of the same token.
    """
    logits, sort = LOGITS[name], torch.sort
    options = itertools.product(
        (0.25, 1.0, 1.7), (None, 1, 2, 7, 60), (None, 0.0, 0.1, 0.5, 0.9, 0.999)
    )
    for temperature, top_k, top_p in options:
        ours = probabilities(logits, temperature, top_k, top_p)
        which = f"temperature {temperature}, top_k {top_k}, top_p {top_p}"
        monkeypatch.setattr(torch, "sort", sort)
        theirs = _warped(logits, temperature, top_k, top_p)
        np.testing.assert_allclose(np.sort(ours), np.sort(theirs), rtol=1e-12, err_msg=which)
        monkeypatch.setattr(torch, "sort", functools.partial(sort, stable=True))
        theirs = _warped(logits, temperature, top_k, top_p)
        np.testing.assert_array_equal(ours > 0, theirs > 0, err_msg=which)
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, err_msg=which)
