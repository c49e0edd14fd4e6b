"""A few queries against many keys, as in generation: loops along the channels.

For one query attention reads every key and value once and does little with each, so it
runs at the speed of memory if the loops follow memory. There is room for the scores of
one query, S numbers.
"""

# mypy: allow-untyped-defs
from __future__ import annotations

import math

import numpy as np

from minilm.kernels.exponential import exp, like
from minilm.kernels.jit import helper

__all__ = ["FEW", "forward_few"]

FEW = 4


@helper()
def forward_few(head, q, k, v, y, lse):
    """Sets y and lse (T,) of all queries of one head; without dropout."""
    s = np.empty(head.visible.size, q.data.dtype)
    for t in range(head.n_query):
        n_keys = head.visible.size
        if head.causal:
            n_keys = max(0, min(n_keys, t + 1 + n_keys - head.n_query))
        m = _scores(s, q.data[t * q.stride :], k, head, n_keys)
        target = y.data[t * y.stride : t * y.stride + head.size]
        target[:] = 0
        for j in range(n_keys):
            s[j] = exp(s[j] - m)
        total = 0.0
        for j in range(n_keys):
            total += s[j]
        for j in range(0, n_keys // 4 * 4, 4):
            _add_four(target, s[j:], v.data[j * v.stride :], v.stride)
        for j in range(n_keys // 4 * 4, n_keys):
            _add(target, s[j], v.data[j * v.stride :])
        lse[t] = m + math.log(total)
        for d in range(head.size):
            target[d] = target[d] / total if total != 0 else like(m, 0)


@helper()
def _scores(s, q, k, head, n_keys):
    """The scores of one query, and the largest, or 0 if it may see no key."""
    m = like(head.scale, -np.inf)
    for j in range(n_keys):
        s[j] = like(head.scale, -np.inf)
        if head.visible[j]:
            s[j] = head.scale * _dot(q, k.data[j * k.stride :], head.size)
        m = s[j] if s[j] > m else m
    return like(m, 0) if m == like(m, -np.inf) else m


@helper()
def _dot(a, b, n):
    total = like(a[0], 0)
    for d in range(n):
        total += a[d] * b[d]
    return total


@helper(exact=True)
def _add_four(y, factors, x, stride):
    # Exact, so that the four are summed before they go into y, which has grown by then.
    f0, f1, f2, f3 = factors[0], factors[1], factors[2], factors[3]
    x0, x1, x2, x3 = x, x[stride:], x[2 * stride :], x[3 * stride :]
    for d in range(y.size):
        y[d] += f0 * x0[d] + f1 * x1[d] + f2 * x2[d] + f3 * x3[d]


@helper()
def _add(y, factor, x):
    for d in range(y.size):
        y[d] += factor * x[d]
