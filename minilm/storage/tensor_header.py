"""The header of a safetensors file, which is untrusted, checked before anything is read.

    8 bytes          n, the length of the header (unsigned, little-endian)
    n bytes          JSON: {"NAME": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]},
                            "__metadata__": {"key": "text"}}
    the rest         the tensors, little-endian, C order, end to end; offsets count from here

A sound header covers the rest of the file exactly: no gap, no overlap, no byte left over.
Python's integers do not overflow, so a shape whose product wraps to a small number elsewhere
is simply large here.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from minilm.storage import json_file

__all__ = ["BITS", "Entry", "parse", "shortened"]

# Bits per entry of every dtype that safetensors 0.8 knows.
BITS = {
    **dict.fromkeys(("F4",), 4),
    **dict.fromkeys(("F6_E2M3", "F6_E3M2"), 6),
    **dict.fromkeys(("BOOL", "U8", "I8"), 8),
    **dict.fromkeys(("F8_E5M2", "F8_E4M3", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ"), 8),
    **dict.fromkeys(("I16", "U16", "F16", "BF16"), 16),
    **dict.fromkeys(("I32", "U32", "F32"), 32),
    **dict.fromkeys(("I64", "U64", "F64", "C64"), 64),
}
FIELDS = {"dtype", "shape", "data_offsets"}
MAX_AXES = 64  # NumPy's own limit


class Entry(NamedTuple):
    """Where one tensor lies, and what it is.

    Attributes
    ----------
    dtype : str
        The format's own name, such as ``"BF16"``.
    shape : tuple of int
    start, stop : int
        Bytes from the end of the header.
    """

    dtype: str
    shape: tuple[int, ...]
    start: int
    stop: int


def parse(header: bytes, n_bytes: int) -> tuple[dict[str, Entry], dict[str, str]]:
    """The tensors of a file, in the order in which they lie there, and its metadata.

    Parameters
    ----------
    header : bytes
        The JSON text.
    n_bytes : int
        The bytes in the file after the header.

    Raises
    ------
    ValueError
        Whose text names the tensor and the fault, to stand after the name of the file.

    Examples
    --------
    >>> parse(b'{"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}', 8)[0]
    {'a': Entry(dtype='F32', shape=(2,), start=0, stop=8)}
    >>> parse(b'{"a": {"dtype": "F32", "shape": [3], "data_offsets": [0, 8]}}', 8)
    Traceback (most recent call last):
        ...
    ValueError: a: F32 of shape (3,) takes 12 bytes, but it has 8
    """
    try:
        fields = json_file.parse(header)
    except ValueError as error:
        raise ValueError(f"its header: {error}") from None
    metadata = _metadata(fields.pop("__metadata__", None))
    entries = {}
    for name, entry in fields.items():
        try:
            entries[name] = _entry(entry)
        except ValueError as error:
            raise ValueError(f"{shortened(name)}: {error}") from None
    ordered = sorted(entries.items(), key=lambda item: (item[1].start, item[1].stop))
    _check_cover(ordered, n_bytes)
    return dict(ordered), metadata


def shortened(name: str) -> str:
    """A tensor's name, cut to what fits in a message: the file may name one at any length."""
    return name if len(name) <= 120 else f"{name[:117]}..."


def _metadata(found: Any) -> dict[str, str]:
    if found is None:
        return {}
    if not isinstance(found, dict) or not all(isinstance(v, str) for v in found.values()):
        raise ValueError("its header: __metadata__ is not an object of texts")
    return found


def _entry(found: Any) -> Entry:
    if not isinstance(found, dict) or found.keys() != FIELDS:
        raise ValueError("its entry does not have dtype, shape and data_offsets, and only these")
    dtype, shape, offsets = found["dtype"], found["shape"], found["data_offsets"]
    if not isinstance(dtype, str) or dtype not in BITS:
        what = repr(shortened(dtype)) if isinstance(dtype, str) else "that is not a text"
        raise ValueError(f"unknown dtype {what}")
    if not _whole(shape) or len(shape) > MAX_AXES:
        raise ValueError(f"shape is not a list of at most {MAX_AXES} sizes from 0 up")
    if not _whole(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
        raise ValueError("data_offsets is not a list of two ascending byte numbers from 0 up")
    # An axis of 0 makes the tensor empty, yet the others must still be sizes an array can have.
    if math.prod(max(size, 1) for size in shape) * 8 >= 2**63:
        raise ValueError("the sizes of its shape multiply to more than any memory holds")
    bits, n_bytes = math.prod(shape) * BITS[dtype], offsets[1] - offsets[0]
    if bits != n_bytes * 8:
        took = f"{-(-bits // 8)} bytes" if bits % 8 == 0 else f"{bits} bits"
        raise ValueError(f"{dtype} of shape {tuple(shape)} takes {took}, but it has {n_bytes}")
    return Entry(dtype, tuple(shape), *offsets)


def _whole(found: Any) -> bool:
    # type() and not isinstance(): True is an int.
    return isinstance(found, list) and all(type(n) is int and 0 <= n < 2**63 for n in found)


def _check_cover(ordered: list[tuple[str, Entry]], n_bytes: int) -> None:
    reached, before = 0, "the header"
    for name, entry in ordered:
        name = shortened(name)
        if entry.start < reached:
            raise ValueError(f"{name} overlaps {before}: byte {entry.start} belongs to both")
        if entry.start > reached:
            gap = entry.start - reached
            raise ValueError(f"{gap} bytes between {before} and {name} belong to no tensor")
        if entry.stop > n_bytes:
            raise ValueError(f"{name} ends at byte {entry.stop} of the data, which has {n_bytes}")
        reached, before = entry.stop, name
    if reached < n_bytes:
        raise ValueError(f"{n_bytes - reached} bytes after {before} belong to no tensor")
