r"""Attention: every query gathers values, weighted by how well their keys match it.

    scores[i, j] = scale * q_i . k_j           -inf where query i may not see key j
    p = softmax_j(scores)
    y_i = sum_j p[i, j] r[i, j] v_j            r = keep / (1 - dropout), or 1 without dropout

Shapes: q, y (B, H, T, D); k, v (B, K, S, D); scores, p, r (B, H, T, S); lse (B, H, T).
K divides H: with G = H/K, query head h uses key head h // G (K = H is multi-head
attention, K = 1 multi-query, between them grouped-query). For cross attention k and v
simply come from another sequence.

What query i may see: with `causal`, the keys j <= i + S - T, so that the last query sees
the last key (T < S when earlier keys come from a cache); with `key_mask`, the keys whose
entry is true; with `first_key`, the keys j >= first_key[i], so that documents which share a
row do not see each other. A query that may see nothing gets y = 0.

The (T, S) matrices below are the definition. The compiled twin never has them whole.

Backward, from the last line up:

    dv_j = sum_i p[i, j] r[i, j] dy_i        dp[i, j] = r[i, j] dy_i . v_j
    dscores[i, j] = p[i, j] (dp[i, j] - delta_i),    delta_i = sum_j p[i, j] dp[i, j]
    dq_i = scale sum_j dscores[i, j] k_j     dk_j = scale sum_i dscores[i, j] q_i

with dk and dv summed over the query heads that share them.

delta needs no matrix: sum_j p r (dy_i . v_j) = dy_i . y_i. Nor does p: with the row's
log-sum-exp kept, p = exp(scores - lse). lse is float64 whatever the dtype of q: rounded to
float32 it would change all probabilities of the row, by up to |lse| 2^-24 of each.

Source: Vaswani et al., "Attention Is All You Need" (2017), equation 1; Ainslie et al.,
"GQA" (2023) for the groups; Dao et al., "FlashAttention" (2022), appendix B, for delta
and lse.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from minilm.reference import philox

__all__ = [
    "Saved",
    "backward",
    "finite",
    "forward",
    "matrices",
    "matrices_backward",
    "share",
    "sum_shared",
    "survival",
    "visible_scores",
]


class Saved(NamedTuple):
    """Kept: the inputs, the result, and one number a query. Recomputed: the scores and
    probabilities, which are (T, S) and would be the largest arrays of the whole model."""

    q: NDArray  # (B, H, T, D)
    k: NDArray  # (B, K, S, D)
    v: NDArray  # (B, K, S, D)
    y: NDArray  # (B, H, T, D)
    lse: NDArray  # (B, H, T) float64: log sum_j exp(scores), -inf where nothing is visible
    key_mask: NDArray[np.bool_] | None  # (B, S)
    first_key: NDArray | None  # (B, T) of int
    causal: bool
    scale: float
    dropout: float
    key: int | None


def forward(
    q: NDArray,
    k: NDArray,
    v: NDArray,
    *,
    causal: bool = False,
    key_mask: NDArray[np.bool_] | None = None,
    first_key: NDArray | None = None,
    scale: float | None = None,
    dropout: float = 0.0,
    key: int | None = None,
) -> tuple[NDArray, Saved]:
    """Attend from q to k and v; returns y (B, H, T, D).

    y lies in memory as (B, T, H, D), so that joining the heads of each position,
    ``y.transpose(0, 2, 1, 3).reshape(B, T, H * D)``, copies nothing.

    Parameters
    ----------
    causal : whether query i sees only the keys up to its own position, i + S - T
    key_mask : (B, S), true for the keys that may be seen (false for padding)
    first_key : (B, T) of int, the first key that each query may see
    scale : factor of the scores; 1 / sqrt(D) if not given
    dropout : probability in [0, 1) of dropping each p[i, j], chosen by `key`
    """
    if q.shape[1] % k.shape[1]:
        raise ValueError(f"{q.shape[1]} query heads cannot share {k.shape[1]} key heads evenly")
    if dropout and key is None:
        raise ValueError("attention dropout needs a key")
    scale = 1 / math.sqrt(q.shape[-1]) if scale is None else float(scale)

    keys, values = share(k, q), share(v, q)
    scores = visible_scores(q, keys, causal, key_mask, first_key, scale)
    m = finite(scores.max(axis=-1, keepdims=True, initial=-np.inf))
    e = np.exp(scores - m)
    total = e.sum(axis=-1, keepdims=True, dtype=np.float64)
    with np.errstate(divide="ignore"):  # log 0 = -inf is the answer where nothing is visible
        lse = (m + np.log(total))[..., 0]

    p = e / np.where(total == 0, 1, total).astype(e.dtype)
    y = (p * survival(p, dropout, key)) @ values
    y = np.ascontiguousarray(y.transpose(0, 2, 1, 3)).transpose(0, 2, 1, 3)
    return y, Saved(q, k, v, y, lse, key_mask, first_key, causal, scale, dropout, key)


def backward(
    dy: NDArray, saved: Saved, out: tuple[NDArray, NDArray, NDArray] | None = None
) -> tuple[NDArray, NDArray, NDArray]:
    """Returns dq (B, H, T, D), dk and dv (B, K, S, D), written into `out` if given."""
    q, k, v, scale, dropout, key = saved.q, saved.k, saved.v, saved.scale, saved.dropout, saved.key
    dq, dk, dv = out or (np.empty_like(q), np.empty_like(k), np.empty_like(v))

    _, p = matrices(saved)
    dscores, _ = _through_softmax(dy, p, saved)
    keys, r = share(k, q), survival(p, dropout, key)
    dv[...] = sum_shared((p * r).swapaxes(2, 3) @ dy, v)
    dq[...] = scale * (dscores @ keys)
    dk[...] = sum_shared(scale * (dscores.swapaxes(2, 3) @ q), k)
    return dq, dk, dv


def matrices(saved: Saved) -> tuple[NDArray, NDArray]:
    """The scores and the probabilities p, both (B, H, T, S): for backward, and for readers.

    Examples
    --------
    >>> q = np.array([[[[1.0], [2.0]]]])
    >>> scores, p = matrices(forward(q, q, q, causal=True)[1])
    >>> scores[0, 0].tolist(), p[0, 0].round(2).tolist()
    ([[1.0, -inf], [2.0, 4.0]], [[1.0, 0.0], [0.12, 0.88]])
    """
    q, k, lse = saved.q, saved.k, saved.lse
    keys = share(k, q)
    scores = visible_scores(q, keys, saved.causal, saved.key_mask, saved.first_key, saved.scale)
    return scores, np.exp((scores - finite(lse[..., None])).astype(scores.dtype))


def matrices_backward(dy: NDArray, saved: Saved) -> tuple[NDArray, NDArray]:
    """The gradients dscores and dp of the `matrices`, both (B, H, T, S)."""
    _, p = matrices(saved)
    return _through_softmax(dy, p, saved)


def _through_softmax(dy: NDArray, p: NDArray, saved: Saved) -> tuple[NDArray, NDArray]:
    values = share(saved.v, saved.q)
    dp = survival(p, saved.dropout, saved.key) * (dy @ values.swapaxes(2, 3))
    delta = (dy * saved.y).sum(axis=-1, keepdims=True)
    return p * (dp - delta), dp


def share(k: NDArray, q: NDArray) -> NDArray:
    """k (B, K, S, D) as (B, H, S, D): one copy for each query head of the group."""
    return np.repeat(k, q.shape[1] // k.shape[1], axis=1)


def sum_shared(dkeys: NDArray, k: NDArray) -> NDArray:
    """The transpose of `share`: (B, H, S, D) summed over each group, to (B, K, S, D)."""
    n_batch, n_kv_head, n_key, head_size = k.shape
    group = dkeys.shape[1] // n_kv_head
    return dkeys.reshape(n_batch, n_kv_head, group, n_key, head_size).sum(axis=2)


def visible_scores(
    q: NDArray,
    keys: NDArray,
    causal: bool,
    key_mask: NDArray[np.bool_] | None,
    first_key: NDArray | None,
    scale: float,
) -> NDArray:
    """The scores (B, H, T, S), with -inf where a query may not see a key."""
    n_query, n_key = q.shape[2], keys.shape[2]
    scores = scale * (q @ keys.swapaxes(2, 3))
    if causal:
        visible = np.arange(n_key) <= np.arange(n_query)[:, None] + (n_key - n_query)
        np.copyto(scores, -np.inf, where=~visible)
    if key_mask is not None:
        np.copyto(scores, -np.inf, where=~key_mask[:, None, None, :])
    if first_key is not None:
        np.copyto(scores, -np.inf, where=np.arange(n_key) < first_key[:, None, :, None])
    return scores


def survival(p: NDArray, dropout: float, key: int | None) -> NDArray | float:
    """r, of the shape of p (B, H, T, S): keep / (1 - dropout), or the number 1."""
    if not dropout or key is None:
        return 1.0
    n_batch, n_head, n_query, n_key = p.shape
    keep = philox.keep_probabilities((n_batch, n_head, n_query, n_key), dropout, key)
    return keep.astype(p.dtype) / (1 - float(dropout))


def finite(m: NDArray) -> NDArray:
    """m with 0 for the -inf of rows that see nothing, so that exp(-inf - m) is 0 there."""
    return np.where(m == -np.inf, 0, m).astype(m.dtype)
