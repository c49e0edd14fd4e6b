"""A few queries against many keys, as in generation: loops along the channels.

For one query attention reads every key and value once and does little with each, so it
runs at the speed of memory if the loops follow memory and ask for what comes next: see
`streams`, for heads of full vectors. There is room for the scores of one query, S numbers.
"""

# mypy: allow-untyped-defs, disable-error-code="arg-type"
from __future__ import annotations

import math

import numpy as np

from minilm.kernels.exponential import exp, like
from minilm.kernels.fetch import fetch
from minilm.kernels.jit import helper
from minilm.kernels.packing import ONE, ZERO, lanes
from minilm.kernels.scratch import release, scratch
from minilm.kernels.streams import STEPS, WIDTH, across_1, down_1
from minilm.kernels.vectors import part

__all__ = ["FEW", "forward_few"]

FEW = 4


@helper()
def forward_few(head, q, k, v, y, lse):
    """Sets y and lse (T,) of all queries of one head; without dropout."""
    s = scratch(head.visible.size, q.data.dtype)
    for t in range(head.n_query):
        n_keys = head.visible.size
        if head.causal:
            n_keys = max(0, min(n_keys, t + 1 + n_keys - head.n_query))
        query = part(q.data, q.first + t * q.row, head.size)
        m = _scores(s, query, k, v, head, head.first[t], n_keys)
        target = part(y.data, y.first + t * y.row, head.size)
        target[:] = 0
        for j in range(n_keys):
            s[j] = exp(s[j] - m)
        total = 0.0
        for j in range(n_keys):
            total += s[j]
        blocks = head.size // (WIDTH * lanes(s))
        whole, taken = blocks * WIDTH * lanes(s) == head.size, n_keys // STEPS * STEPS
        for j in range(0, taken, STEPS):
            to = v.first + j * v.row
            if whole:
                down_1(s, j, ZERO, ONE, v.data, to, v.row, target, ZERO, ZERO, blocks)
            else:
                _add_four(target, part(s, j, 4), v.data, to, v.row)
        for j in range(taken, n_keys):
            _add(target, s[j], part(v.data, v.first + j * v.row, head.size))
        lse[t] = m + math.log(total)
        for d in range(head.size):
            target[d] = target[d] / total if total != 0 else like(m, 0)
    release(s)


@helper()
def _scores(s, q, k, v, head, first, n_keys):
    """The scores of one query, and the largest, or 0 if it may see no key.

    Meanwhile it asks for the values, whose turn is next.
    """
    m, vectors = like(head.scale, -np.inf), head.size // lanes(s)
    whole = vectors * lanes(s) == head.size
    for j in range(0, n_keys if whole else ZERO, WIDTH):
        n, at = min(np.int64(WIDTH), n_keys - j), k.first + j * k.row
        fetch(v, j, n, head.size)
        across_1(q, ZERO, ZERO, ONE, k.data, at, k.row, n, vectors, s, j, ZERO)
    for j in range(n_keys):
        if not head.visible[j] or j < first:
            s[j] = like(head.scale, -np.inf)
        elif whole:
            s[j] *= head.scale
        else:
            s[j] = head.scale * _dot(q, part(k.data, k.first + j * k.row, head.size))
        m = s[j] if s[j] > m else m
    return like(m, 0) if m == like(m, -np.inf) else m


@helper()
def _dot(a, b):
    total = like(a[0], 0)
    for d in range(a.size):
        total += a[d] * b[d]
    return total


@helper(exact=True)
def _add_four(y, factors, x, first, stride):
    # Exact, so that the four are summed before they go into y, which has grown by then.
    f0, f1, f2, f3 = factors[0], factors[1], factors[2], factors[3]
    x0, x1 = part(x, first, y.size), part(x, first + stride, y.size)
    x2, x3 = part(x, first + 2 * stride, y.size), part(x, first + 3 * stride, y.size)
    for d in range(y.size):
        y[d] += f0 * x0[d] + f1 * x1[d] + f2 * x2[d] + f3 * x3[d]


@helper()
def _add(y, factor, x):
    for d in range(y.size):
        y[d] += factor * x[d]
