"""Compiled twin of `minilm.reference.bpe_training`: no count is ever taken anew.

All pieces lie one behind the other in `symbols`, with an `END` between them; a token stands
where its first byte does, and the places of its other bytes are `GONE`. Each pair has its
count and the list of the places where it began, in rising order; a place where it no longer
stands is passed over. A heap holds each pair with the count that it had; counts only fall
once all new pairs of a merge are known, so a top whose count has fallen goes back in with the
right one, and a top whose count is right is the most frequent. To join a pair costs as
much as it has places.
"""

# mypy: allow-untyped-defs
from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from minilm.errors import MinilmError
from minilm.kernels.bpe_merging import look_up
from minilm.kernels.bpe_table import constant, mixed
from minilm.kernels.heap import pop, push, sink
from minilm.kernels.jit import helper, kernel

__all__ = ["train"]

_END, _GONE = -1, -2
_MORE, _DONE, _ROOM = range(3)
_CAPACITY = 1 << 17  # pairs at first; of bytes there are at most half as many
_WORK = 2_000_000  # places per call, so that Ctrl-C is heard
# What `state` counts: pairs, entries of lists, entries of the heap, merges.
_PAIRS, _ENTRIES, _HEAP, _MERGES = range(4)


def train(
    pieces: NDArray,
    ends: NDArray,
    counts: NDArray,
    n_merges: int,
    byte_ids: NDArray,
    min_count: int = 1,
    progress: Callable[[int], None] | None = None,
) -> NDArray[np.int32]:
    """The pairs (m, 2) to join: of pieces (n,) that end at `ends` (p,) and occur `counts` (p,)."""
    n_places = pieces.size + ends.size + 1
    if n_places >= 2**31:
        raise MinilmError(
            f"the different pieces of the text have {pieces.size:,} bytes, more than "
            "training can hold; give less text"
        )
    symbols, words = np.empty(n_places, np.int32), np.empty(n_places, np.int32)
    starts = np.empty(n_places, np.int32)
    _lay_out(constant(pieces), ends, byte_ids.astype(np.int32), symbols, words, starts)
    # A merge of two tokens ends two pairs and begins two.
    places, following = np.empty(3 * n_places, np.int32), np.empty(3 * n_places, np.int32)
    lengths = np.ones(256 + n_merges, np.int32)
    pairs = np.empty((n_merges, 2), np.int32)
    state = np.zeros(4, np.int64)
    known = _Pairs(_CAPACITY)
    _begin(symbols, words, counts, places, following, state, *known.arrays)
    status = _MORE if n_merges else _DONE
    while status != _DONE:
        status = _merge(
            symbols, words, starts, counts, places, following, lengths, pairs, state,
            max(1, min_count), *known.arrays,
        )  # fmt: skip
        if status == _ROOM:
            known = known.doubled(int(state[_PAIRS]), int(state[_HEAP]))
        if progress is not None:
            progress(int(state[_MERGES]))
    return pairs[: int(state[_MERGES])].copy()


class _Pairs:
    """What is known of pairs: a hash table to their numbers, and what each number has."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.arrays: tuple[NDArray, ...] = (
            np.full(2 * capacity, -1, np.int64),  # keys of the table, left << 32 | right
            np.empty(2 * capacity, np.int32),  # and the numbers
            np.empty(capacity, np.int64),  # the key of each number
            np.empty(capacity, np.int64),  # count
            np.empty(capacity, np.int32),  # first entry of the list of places
            np.empty(capacity, np.int32),  # last entry
            np.empty(capacity, np.int32),  # how many
            np.empty(capacity, np.int64),  # the heap: counts, negative
            np.empty(capacity, np.int64),  # and keys
        )

    def doubled(self, n_pairs: int, n_heap: int) -> _Pairs:
        """The same with room for twice as many."""
        larger = _Pairs(2 * self.capacity)
        for old, new in zip(self.arrays[2:], larger.arrays[2:], strict=True):
            new[: self.capacity] = old
        keys, numbers, own = larger.arrays[:3]
        _fill(keys, numbers, own[:n_pairs])
        return larger


@kernel(always=True)
def _lay_out(pieces, ends, byte_ids, symbols, words, starts):
    place, start = 0, 0
    symbols[0] = _END
    for word in range(ends.size):
        for i in range(start, ends[word]):
            place += 1
            symbols[place], words[place], starts[place] = byte_ids[pieces[i]], word, place
        place += 1
        symbols[place] = _END
        start = ends[word]


@kernel(always=True)
def _fill(keys, numbers, own):
    mask = keys.size - 1
    for number in range(own.size):
        row = mixed(own[number], np.int64(0)) & mask
        while keys[row] != -1:
            row = (row + 1) & mask
        keys[row], numbers[row] = own[number], number


@helper()
def _add(left, right, place, count, places, following, state, known):
    """One more place of a pair, which may be new."""
    keys, numbers, own, totals, firsts, lasts, lengths = known
    key = np.int64(left) << 32 | np.int64(right)
    mask = keys.size - 1
    row = mixed(key, np.int64(0)) & mask
    while keys[row] != key and keys[row] != -1:
        row = (row + 1) & mask
    entry = state[_ENTRIES]
    state[_ENTRIES] += 1
    places[entry], following[entry] = place, -1
    if keys[row] == key:
        number = numbers[row]
        following[lasts[number]] = entry
    else:
        number = state[_PAIRS]
        state[_PAIRS] += 1
        keys[row], numbers[row], own[number] = key, number, key
        totals[number], firsts[number], lengths[number] = 0, entry, 0
    totals[number] += count
    lasts[number] = entry
    lengths[number] += 1


@kernel(always=True)
def _begin(
    symbols, words, counts, places, following, state,
    keys, numbers, own, totals, firsts, lasts, lengths, heap, heap_keys,
):  # fmt: skip
    known = (keys, numbers, own, totals, firsts, lasts, lengths)
    for i in range(symbols.size - 1):
        if symbols[i] >= 0 and symbols[i + 1] >= 0:
            count = counts[words[i]]
            _add(symbols[i], symbols[i + 1], i, count, places, following, state, known)
    _queue(0, state, own, totals, heap, heap_keys)


@helper()
def _queue(first, state, own, totals, heap, heap_keys):
    """Put the pairs from number `first` on into the heap."""
    for number in range(first, state[_PAIRS]):
        if totals[number] > 0:
            push(heap, heap_keys, state[_HEAP], -totals[number], own[number])
            state[_HEAP] += 1


@kernel(always=True)
def _merge(
    symbols, words, starts, counts, places, following, sizes, pairs, state, min_count,
    keys, numbers, own, totals, firsts, lasts, lengths, heap, heap_keys,
):  # fmt: skip
    """Join pairs until there are enough (_DONE), more room is needed, or for a while (_MORE)."""
    known = (keys, numbers, own, totals, firsts, lasts, lengths)
    work = 0
    while state[_MERGES] < len(pairs) and work < _WORK:
        if state[_HEAP] == 0:
            return _DONE
        key = heap_keys[0]
        left, right = np.int32(key >> 32), np.int32(key & 0xFFFFFFFF)
        number = look_up(keys, numbers, left, right)
        total = totals[number]
        if total != -heap[0]:
            sink(heap, heap_keys, state[_HEAP], -total, key)
            continue
        if total < min_count:
            return _DONE
        if state[_PAIRS] + 2 * lengths[number] > own.size:
            return _ROOM
        pop(heap, heap_keys, state[_HEAP])
        state[_HEAP] -= 1
        token = np.int32(256 + state[_MERGES])
        pairs[state[_MERGES], 0], pairs[state[_MERGES], 1] = left, right
        sizes[token] = sizes[left] + sizes[right]
        state[_MERGES] += 1
        n_known = state[_PAIRS]
        entry = firsts[number]
        while entry >= 0:
            place = places[entry]
            entry = following[entry]
            second = place + sizes[left]
            if symbols[place] == left and symbols[second] == right:
                count = counts[words[place]]
                before, after = symbols[place - 1], symbols[second + sizes[right]]
                if before != _END:
                    start = starts[place - 1]
                    before = symbols[start]
                    totals[look_up(keys, numbers, before, left)] -= count
                    _add(before, token, start, count, places, following, state, known)
                if after != _END:
                    totals[look_up(keys, numbers, right, after)] -= count
                    _add(token, after, place, count, places, following, state, known)
                symbols[place], symbols[second] = token, _GONE
                starts[second + sizes[right] - 1] = place
        work += lengths[number]
        _queue(n_known, state, own, totals, heap, heap_keys)
    return _MORE if state[_MERGES] < len(pairs) else _DONE
