r"""Attention in mixed precision: what is multiplied is rounded to bfloat16, all else float32.

    scores = scale r(q) r(k)^T      e = exp(scores - max)      y = r(e keep) r(v) / sum_j e

r rounds as in `linear_bf16`. Rounded before they are divided by their sum, the weights have
an error relative to themselves; lse and the sum are those of the unrounded ones. Backward

    dp = keep r(dy) r(v)^T          ds = p (dp - delta)        delta = r(dy) . y
    dq = r(ds) r(k)                 dk = r(ds)^T r(q)          dv = r(p keep)^T r(dy)

with the factor scale in ds. Shapes, options and the derivation are those of `attention`,
which this is for any dtype but float32.

Source: Micikevicius et al., "Mixed Precision Training" (2018); Dao, "FlashAttention-2" (2023),
section 3, for a softmax in float32 between products of half precision.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from minilm.reference import attention
from minilm.reference.attention import Saved
from minilm.reference.linear_bf16 import rounded

__all__ = ["Saved", "backward", "forward"]


def forward(q: NDArray, k: NDArray, v: NDArray, **options: Any) -> tuple[NDArray, Saved]:
    """Attend from q (B, H, T, D) to k and v (B, K, S, D); options are those of `attention`."""
    if q.dtype != np.float32:
        return attention.forward(q, k, v, **options)
    _, saved = attention.forward(rounded(q), rounded(k), rounded(v), **options)
    scores, _ = attention.matrices(saved)
    m = attention.finite(scores.max(axis=-1, keepdims=True, initial=-np.inf))
    e = np.exp(scores - m)
    total = e.sum(axis=-1, keepdims=True, dtype=np.float64)
    keep = attention.survival(e, saved.dropout, saved.key)
    y = rounded(e * keep) @ attention.share(saved.v, q)
    y /= np.where(total == 0, 1, total).astype(y.dtype)
    y = np.ascontiguousarray(y.transpose(0, 2, 1, 3)).transpose(0, 2, 1, 3)
    return y, saved._replace(q=q, k=k, v=v, y=y)


def backward(
    dy: NDArray, saved: Saved, out: tuple[NDArray, NDArray, NDArray] | None = None
) -> tuple[NDArray, NDArray, NDArray]:
    """Returns dq (B, H, T, D), dk and dv (B, K, S, D), written into `out` if given."""
    if saved.q.dtype != np.float32:
        return attention.backward(dy, saved, out)
    q, k, v, dy = map(rounded, (saved.q, saved.k, saved.v, dy))
    dq, dk, dv = out or (np.empty_like(q), np.empty_like(k), np.empty_like(v))
    _, p = attention.matrices(saved._replace(q=q, k=k))
    keys, values = attention.share(k, q), attention.share(v, q)
    keep = attention.survival(p, saved.dropout, saved.key)
    dp = keep * (dy @ values.swapaxes(2, 3))
    delta = (dy * saved.y).sum(axis=-1, keepdims=True)
    ds = rounded(saved.scale * p * (dp - delta))
    dq[...] = ds @ keys
    dk[...] = attention.sum_shared(ds.swapaxes(2, 3) @ q, k)
    dv[...] = attention.sum_shared(rounded(p * keep).swapaxes(2, 3) @ dy, v)
    return dq, dk, dv
