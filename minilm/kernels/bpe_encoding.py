"""Compiled twin of `minilm.reference.bpe_encoding`: what was worked out once is remembered.

Text says the same words again and again, so most pieces are found in a hash table with
their ids, and only new ones are merged. Cutting, looking up and merging are one pass over
the bytes. The table has a fixed size; when it is full it is emptied, which follows a text
whose words change and costs a few thousandths of the time.

Rows of `bpe_table` hold in the free half of the third word the number of ids, and in the
fourth the id if it is one, else where the ids stand in `ids`.
"""

# mypy: allow-untyped-defs
from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from minilm.errors import MinilmError
from minilm.kernels.bpe_merging import MOST, NEVER, look_up, merge_long, merge_short
from minilm.kernels.bpe_pieces import next_piece
from minilm.kernels.bpe_table import SHORT, constant, copy, find, mixed, piece_key
from minilm.kernels.jit import helper, kernel

__all__ = ["Memory", "Tables", "encode", "memory", "tables"]

WINDOW = 1 << 16  # bytes from which one call of the kernel makes ids
_ROWS, _KEPT, _IDS = 1 << 16, 1 << 19, 1 << 18


class Tables(NamedTuple):
    """The merges, ready for use.

    byte_ids (256,) int32; of_bytes (65536,) int32, the rank of each pair of bytes, which is
    its place in the list, or NEVER; keys (r,) int64, left << 32 | right or -1; ranks (r,) int32,
    that of the pair; products (m,) int32, the ids that pairs make.
    """

    byte_ids: NDArray
    of_bytes: NDArray
    keys: NDArray
    ranks: NDArray
    products: NDArray


class Memory(NamedTuple):
    """The pieces seen so far, and room to work in.

    rows (r, 4) int64; kept (k,) uint8, the bytes of long pieces; ids (i,) int32; used (3,)
    int64, how much of each is taken; tokens (t,), best (MOST,), out (o,) int32.
    """

    rows: NDArray
    kept: NDArray
    ids: NDArray
    used: NDArray
    tokens: NDArray
    best: NDArray
    out: NDArray


def tables(byte_ids: NDArray, pairs: NDArray, products: NDArray) -> Tables:
    """Prepare the merges: byte_ids (256,), pairs (m, 2), products (m,)."""
    n_rows = 1 << max(4, (2 * len(pairs)).bit_length())
    keys, ranks = np.full(n_rows, -1, np.int64), np.zeros(n_rows, np.int32)
    pairs = pairs.astype(np.int64)
    _fill(keys, ranks, pairs[:, 0] << 32 | pairs[:, 1])
    byte_ids, of_bytes = byte_ids.astype(np.int32), np.empty(1 << 16, np.int32)
    _fill_bytes(byte_ids, keys, ranks, of_bytes)
    return Tables(byte_ids, of_bytes, keys, ranks, products.astype(np.int32))


def memory() -> Memory:
    """What `encode` remembers from one call to the next, in one thread."""
    return Memory(
        np.zeros((_ROWS, 4), np.int64),
        np.empty(_KEPT, np.uint8),
        np.empty(_IDS, np.int32),
        np.zeros(3, np.int64),
        np.empty(MOST, np.int32),
        np.empty(MOST, np.int32),
        np.empty(WINDOW, np.int32),
    )


def encode(
    data: NDArray, classes: NDArray, pattern: int, prepared: Tables, remembered: Memory
) -> NDArray[np.int32]:
    """The ids of the bytes (n,)."""
    data, classes = constant(data), constant(classes)
    parts: list[NDArray] = []
    position, room = 0, remembered.out
    while position < data.size:
        reached, n_ids = _encode(data, position, classes, pattern, room, *prepared, *remembered[:6])
        if reached == position:  # one piece needs more room than there is
            if room.size >= 2**30:
                raise MinilmError(f"more than {2**30:,} bytes without a break; divide the text")
            room = np.empty(4 * room.size, np.int32)
        else:
            parts.append(room[:n_ids].copy())
            position = reached
    return np.concatenate(parts) if parts else np.empty(0, np.int32)


@kernel(always=True)
def _fill(keys, ranks, wanted):
    mask = keys.size - 1
    for rank in range(wanted.size):
        row = mixed(wanted[rank], np.int64(0)) & mask
        while keys[row] != -1:
            row = (row + 1) & mask
        keys[row], ranks[row] = wanted[rank], rank


@kernel(always=True)
def _fill_bytes(byte_ids, keys, ranks, of_bytes):
    for left in range(256):
        for right in range(256):
            rank = look_up(keys, ranks, byte_ids[left], byte_ids[right])
            of_bytes[left << 8 | right] = NEVER if rank < 0 else rank


@kernel(always=True)
def _encode(
    data,
    position,
    classes,
    pattern,
    out,
    byte_ids,
    of_bytes,
    keys,
    ranks,
    products,
    rows,
    kept,
    ids,
    used,
    tokens,
    best,
):
    n_ids = 0
    while position < data.size:
        end = next_piece(data, position, classes, pattern)
        size = end - position
        if n_ids + size > out.size:
            break
        if size > MOST:
            for i in range(size):
                out[n_ids + i] = byte_ids[data[position + i]]
            n_ids += merge_long(out[n_ids:], size, keys, ranks, products)
            position = end
            continue
        first, second = piece_key(data, position, size)
        row = find(rows, kept, data, position, size, first, second)
        if rows[row, 2] == 0:
            tokens[0] = byte_ids[data[position]]
            for i in range(1, size):
                left, right = np.int64(data[position + i - 1]), np.int64(data[position + i])
                tokens[i], best[i - 1] = byte_ids[right], of_bytes[left << 8 | right]
            count = merge_short(tokens, best, size, keys, ranks, products)
            if _full(rows, kept, ids, used, size, count):
                rows[:] = 0
                used[:] = 0
                row = mixed(first, second) & (len(rows) - 1)
            _remember(
                rows, kept, ids, used, row, data, position, size, first, second, tokens, count
            )
        count = rows[row, 2] & 0xFFFFFFFF
        if count == 1:
            out[n_ids] = rows[row, 3]
        else:
            copy(ids, rows[row, 3], count, out, n_ids)
        n_ids += count
        position = end
    return position, n_ids


@helper()
def _full(rows, kept, ids, used, size, count):
    return 2 * used[0] >= len(rows) or used[1] + size > kept.size or used[2] + count > ids.size


@helper()
def _remember(rows, kept, ids, used, row, data, start, size, first, second, tokens, count):
    """Fill an empty row with a piece and its ids."""
    if size > SHORT:
        second = used[1]
        copy(data, start, size, kept, second)
        used[1] += size
    rows[row, 0], rows[row, 1], rows[row, 2] = first, second, size << 32 | count
    rows[row, 3] = tokens[0]
    if count > 1:
        rows[row, 3] = used[2]
        copy(tokens, 0, count, ids, used[2])
        used[2] += count
    used[0] += 1
