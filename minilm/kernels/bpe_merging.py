"""The merges of one piece: a plain search where it is short, a heap where it is long.

A short piece is joined as the definition says: look at all pairs, take the best, close the
gap. That takes the square of its length, in which a handful of tokens is quick and a million
are hopeless. A long one keeps its pairs in a heap and its tokens in a linked list, and
takes n log n; a pair that is no more when its turn comes is passed over.
"""

# mypy: allow-untyped-defs
from __future__ import annotations

import numpy as np

from minilm.kernels.bpe_table import mixed
from minilm.kernels.heap import pop, push
from minilm.kernels.jit import helper

__all__ = ["MOST", "NEVER", "look_up", "merge_long", "merge_short"]

MOST = 64  # bytes of a piece that is short
NEVER = 2**31 - 1  # a rank behind all others


@helper()
def look_up(keys, values, left, right):
    """The value of a pair of ids, or -1: keys (r,) hold left << 32 | right, or -1 if empty."""
    mask = keys.size - 1
    key = np.int64(left) << 32 | np.int64(right)
    row = mixed(key, np.int64(0)) & mask
    while keys[row] != key:
        if keys[row] == -1:
            return -1
        row = (row + 1) & mask
    return values[row]


@helper()
def _rank(keys, ranks, left, right):
    rank = look_up(keys, ranks, left, right)
    return NEVER if rank < 0 else rank


@helper()
def merge_short(tokens, best, n_tokens, keys, ranks, products):
    """Join tokens[:n_tokens] in place; returns how many are left.

    `best` (n,) holds the rank of the pair that begins at each token, and changes too.
    """
    while n_tokens > 1:
        least, at = NEVER, 0
        for i in range(n_tokens - 1):
            if best[i] < least:
                least, at = best[i], i
        if least == NEVER:
            break
        tokens[at] = products[least]
        n_tokens -= 1
        for i in range(at + 1, n_tokens):
            tokens[i] = tokens[i + 1]
            best[i - 1] = best[i]
        # Past the gap; the pairs on both sides of the new token are new.
        if at > 0:
            best[at - 1] = _rank(keys, ranks, tokens[at - 1], tokens[at])
        if at + 1 < n_tokens:
            best[at] = _rank(keys, ranks, tokens[at], tokens[at + 1])
    return n_tokens


@helper()
def merge_long(tokens, n_tokens, keys, ranks, products):
    """The same for tokens in any number."""
    after = np.empty(n_tokens, np.int32)
    before = np.empty(n_tokens, np.int32)
    # A merge takes one pair out and brings at most two in.
    heap_ranks = np.empty(2 * n_tokens, np.int32)
    heap_places = np.empty(2 * n_tokens, np.int32)
    length = 0
    for i in range(n_tokens):
        before[i], after[i] = i - 1, i + 1
        if i + 1 < n_tokens:
            rank = look_up(keys, ranks, tokens[i], tokens[i + 1])
            if rank >= 0:
                push(heap_ranks, heap_places, length, rank, i)
                length += 1
    while length > 0:
        rank, i = heap_ranks[0], heap_places[0]
        pop(heap_ranks, heap_places, length)
        length -= 1
        j = after[i]
        if tokens[i] < 0 or j >= n_tokens:
            continue
        if look_up(keys, ranks, tokens[i], tokens[j]) != rank:
            continue
        tokens[i] = products[rank]
        tokens[j] = -1
        k = after[j]
        after[i] = k
        if k < n_tokens:
            before[k] = i
            rank = look_up(keys, ranks, tokens[i], tokens[k])
            if rank >= 0:
                push(heap_ranks, heap_places, length, rank, i)
                length += 1
        h = before[i]
        if h >= 0:
            rank = look_up(keys, ranks, tokens[h], tokens[i])
            if rank >= 0:
                push(heap_ranks, heap_places, length, rank, h)
                length += 1
    left = 0
    for i in range(n_tokens):
        if tokens[i] >= 0:
            tokens[left] = tokens[i]
            left += 1
    return left
