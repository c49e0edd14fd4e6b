"""Scores of tokens: against all logits at once, and against PyTorch."""

import math

import numpy as np
import pytest

from minilm.errors import MinilmError
from minilm.evaluation import scoring
from minilm.evaluation.scoring import Request, score, token_scores
from minilm.models.config import GPTConfig
from minilm.models.gpt import GPT

T, V = 8, 11


@pytest.fixture(params=["learned", "rope"])
def model(request):
    config = GPTConfig(
        vocab_size=V, block_size=T, n_layer=2, n_head=2, n_embd=8, position=request.param
    )
    made = GPT(config, dtype=np.float64, seed=1)
    made.parameters.values += np.random.default_rng(2).normal(0, 0.3, made.parameters.values.shape)
    return made


def _ids(n: int, seed: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, V, n)


def _by_hand(model, context: np.ndarray, target: int) -> tuple[float, int, float]:
    """Loss, rank and confidence of one token after all of its context, from the logits."""
    logits = model.forward(context[None])[0][0, -1]
    p = np.exp(logits - logits.max())
    p /= p.sum()
    return -math.log(p[target]), int(sum(p > p[target])), float(p.max())


@pytest.mark.parametrize("stride", [1, 3, T])
def test_a_text_that_fits_has_the_loss_of_the_whole(model, stride: int) -> None:
    ids = _ids(T + 1)
    (found,) = score(model, [Request(ids)], stride=stride)
    expected = [_by_hand(model, ids[:i], ids[i]) for i in range(1, len(ids))]
    np.testing.assert_allclose(found.nll, [nll for nll, _, _ in expected], rtol=1e-9)
    assert found.rank.tolist() == [rank for _, rank, _ in expected]
    np.testing.assert_allclose(found.confidence, [c for _, _, c in expected], rtol=1e-9)


def test_with_stride_1_each_token_sees_a_whole_window(model) -> None:
    ids = _ids(30)
    (found,) = score(model, [Request(ids)], stride=1)
    expected = [_by_hand(model, ids[max(0, i - T) : i], ids[i])[0] for i in range(1, 30)]
    np.testing.assert_allclose(found.nll, expected, rtol=1e-9)


def test_without_overlap_the_first_of_a_window_sees_one_token(model) -> None:
    ids = _ids(2 * T + 1)
    (found,) = score(model, [Request(ids)], stride=T)
    expected = [_by_hand(model, ids[(i - 1) // T * T : i], ids[i])[0] for i in range(1, 2 * T + 1)]
    np.testing.assert_allclose(found.nll, expected, rtol=1e-9)


def test_requests_do_not_depend_on_each_other(model, monkeypatch) -> None:
    requests = [Request(_ids(n, seed=n)) for n in (3, 20, 9, 2, 9, 31)] + [Request(_ids(20), 17)]
    alone = [score(model, [request], stride=3)[0] for request in requests]
    monkeypatch.setattr(scoring, "POSITIONS", 20)
    told = []
    together = score(model, requests, stride=3, progress=told.append)
    for one, other, request in zip(alone, together, requests, strict=True):
        assert len(other.nll) == len(request.ids) - 1 - request.first
        np.testing.assert_allclose(one.nll, other.nll, rtol=1e-9)
        np.testing.assert_array_equal(one.rank, other.rank)
        np.testing.assert_allclose(one.confidence, other.confidence, rtol=1e-9)
    assert told == sorted(told)
    assert told[-1] == 1
    assert len(told) > 3


def test_an_answer_is_scored_after_its_question(model) -> None:
    ids = _ids(7)
    (answer,) = score(model, [Request(ids, first=4)])
    (whole,) = score(model, [Request(ids)])
    np.testing.assert_allclose(answer.nll, whole.nll[4:], rtol=1e-9)


def test_slices_of_logits_change_nothing(model, monkeypatch) -> None:
    requests = [Request(_ids(20)), Request(_ids(5))]
    whole = score(model, requests)
    monkeypatch.setattr(scoring, "LOGITS_BYTES", 3 * V * 8)
    for one, other in zip(whole, score(model, requests), strict=True):
        np.testing.assert_allclose(one.nll, other.nll, rtol=1e-12)
        np.testing.assert_array_equal(one.rank, other.rank)


class _Same:
    def forward(self, x):
        return x, None


def test_ties_and_what_is_no_number_count_against_the_model() -> None:
    logits = np.array([[1.0, 1, 1, 1, 1, 1], [3, 2, 2, 1, 0, 0], [3, 2, 2, 1, 0, 0]])
    found = token_scores(_Same(), logits, np.array([0, 1, 0]), vocab_size=6)
    assert found.rank.tolist() == [5, 2, 0]
    with np.errstate(invalid="ignore"):
        bad = token_scores(_Same(), np.full((1, 6), np.nan), np.array([0]), vocab_size=6)
    assert bad.rank.tolist() == [5]


def test_what_cannot_be_scored(model) -> None:
    with pytest.raises(MinilmError, match="the stride is 9"):
        score(model, [Request(_ids(4))], stride=9)
    with pytest.raises(MinilmError, match=r"do not fit model\.vocab_size"):
        score(model, [Request(np.array([1, V]))])
    assert score(model, []) == []


@pytest.mark.oracle
def test_pytorch_agrees(model) -> None:
    torch = pytest.importorskip("torch")
    ids = _ids(T + 1)
    (found,) = score(model, [Request(ids)])
    logits = torch.from_numpy(model.forward(ids[None, :-1])[0][0])
    targets = torch.from_numpy(ids[1:])
    log_p = torch.log_softmax(logits, dim=-1)
    nll = torch.nn.functional.nll_loss(log_p, targets, reduction="none")
    np.testing.assert_allclose(found.nll, nll.numpy(), rtol=1e-9)
    for k in (1, 5):
        right = (logits.topk(k, dim=-1).indices == targets[:, None]).any(dim=-1)
        np.testing.assert_array_equal(found.rank < k, right.numpy())
    np.testing.assert_allclose(found.confidence, log_p.exp().amax(dim=-1).numpy(), rtol=1e-9)
