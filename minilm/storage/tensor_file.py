"""A safetensors file, read tensor by tensor in blocks of bounded size.

Plain reads, not a memory map: mapped pages count towards the process's memory, and a file cut
short while it is mapped ends the process. Nothing stays open between reads; a file that is
not the one that was checked, or changes while it is read, is refused.
"""

from __future__ import annotations

import io
import math
import os
import stat
from collections.abc import Iterator, KeysView
from pathlib import Path
from types import EllipsisType

import numpy as np
from numpy.typing import DTypeLike, NDArray

from minilm.errors import MinilmError, did_you_mean
from minilm.storage import json_file, tensor_header
from minilm.storage.tensor_header import Entry, shortened

__all__ = ["BLOCK_BYTES", "TensorFile"]

# Measured: from 1 to 4 MB transposed copies run fastest, for the block stays in the cache.
BLOCK_BYTES = 2 * 2**20
AGAIN = "fetch or write it again"
# What a file's dtype is read as. NumPy has no bfloat16: its bits are read, then widened.
STORED: dict[str, np.dtype] = {
    "BF16": np.dtype("<u2"),
    "F16": np.dtype("<f2"),
    "F32": np.dtype("<f4"),
    "F64": np.dtype("<f8"),
    **{f"I{8 * size}": np.dtype(f"<i{size}") for size in (1, 2, 4, 8)},
    **{f"U{8 * size}": np.dtype(f"<u{size}") for size in (1, 2, 4, 8)},
}
FLOATS = ("BF16", "F16", "F32", "F64")


class TensorFile:
    """The tensors of one safetensors file; opening it checks the whole header.

    Parameters
    ----------
    path : path
        Any file, from anyone.

    Attributes
    ----------
    path : Path
    metadata : dict of str to str
    not_finite : dict of str to int
        Of the tensors read so far, how many NaN and infinities each holds, where any.
        A number too large for the dtype asked for is an infinity by then, and counts.
    rounded : dict of str to int
        Of the tensors read so far, how many entries were not exact in the dtype asked for,
        where any: float64 read as float32 is rounded to nearest. bfloat16 and float16 never are.

    Raises
    ------
    MinilmError
        If the file cannot be read, or its header is not sound (see `tensor_header`).
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.not_finite: dict[str, int] = {}
        self.rounded: dict[str, int] = {}
        self._identity: tuple[int, ...] | None = None
        with self._open() as file:
            try:
                self._identity = status = _identity(file)
                header = self._header(file, status[2])
                self._data = 8 + len(header)
                self._entries, self.metadata = tensor_header.parse(header, status[2] - self._data)
            except ValueError as error:
                raise MinilmError(
                    f"{self.path} is not a sound safetensors file: {error}; {AGAIN}"
                ) from None
            except OSError as error:
                raise self._unreadable(error) from None

    @property
    def names(self) -> KeysView[str]:
        """The names of the tensors, in the order in which they lie in the file."""
        return self._entries.keys()

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of a tensor."""
        return self._entry(name).shape

    def dtype(self, name: str) -> str:
        """The dtype of a tensor by the format's own name, such as ``"BF16"``."""
        return self._entry(name).dtype

    def blocks(
        self, name: str, dtype: DTypeLike, *, rows: slice = slice(None)
    ) -> Iterator[tuple[slice | EllipsisType, NDArray]]:
        """A tensor in blocks of whole rows: (where along axis 0, the block as `dtype`).

        ``view[where] = block`` for each fills a view of the tensor's shape. A block takes at
        most `BLOCK_BYTES`, or one row where a row takes more; each is an array of its own. A
        tensor of no axes is one block at ``...``, an empty one no block.

        Parameters
        ----------
        name : str
        dtype : dtype
            float32 or float64 for a tensor of floats; for integers, an integer dtype that
            holds all values of theirs.
        rows : slice
            Which part of axis 0 to read; positions in what is yielded still count from the
            tensor's own start.

        Raises
        ------
        MinilmError
            If there is no such tensor, it is not of a kind that `dtype` can hold, or the file
            cannot be read or is not what it was when it was opened.
        """
        entry = self._entry(name)
        dtype = np.dtype(dtype)
        self._check_kind(name, entry, dtype)
        stored = STORED[entry.dtype]
        row_shape = entry.shape[1:]
        n_row = math.prod(row_shape)
        first, stop, step = rows.indices(entry.shape[0] if entry.shape else 1)
        if step != 1:
            raise ValueError(f"rows {rows} are not consecutive")
        n_rows = max(1, BLOCK_BYTES // max(1, n_row * max(stored.itemsize, dtype.itemsize)))
        bad = inexact = 0
        if n_row == 0 or first >= stop:
            return
        with self._open() as file:
            file.seek(self._data + entry.start + first * n_row * stored.itemsize)
            for start in range(first, stop, n_rows):
                end = min(start + n_rows, stop)
                raw = np.empty((end - start, *row_shape) if entry.shape else (), stored)
                self._fill(file, name, raw)
                block = _converted(raw, entry.dtype, dtype)
                if dtype.kind == "f":
                    bad += block.size - int(np.count_nonzero(np.isfinite(block)))
                if stored.itemsize > dtype.itemsize:
                    inexact += int(np.count_nonzero((block != raw) & (raw == raw)))
                del raw
                yield (slice(start, end) if entry.shape else ...), block
            self._check_identity(file)
        for counts, count in ((self.not_finite, bad), (self.rounded, inexact)):
            if count:
                counts[name] = count

    def read(
        self, name: str, into: NDArray, *, rows: slice = slice(None), transpose: bool = False
    ) -> None:
        """Fill an array, which may be a strided view, with a tensor, in bounded memory.

        Parameters
        ----------
        name : str
        into : ndarray
            Of the tensor's shape, or its reverse; its dtype decides the conversion. After an
            error it may be filled in part.
        rows : slice
            Which part of the tensor's axis 0 to read.
        transpose : bool
            Reverse the axes: a tensor (out, in) fills an array (in, out).

        Raises
        ------
        MinilmError
            As `blocks`, and if the shapes differ.
        """
        shape = self.shape(name)
        first, stop, _ = rows.indices(shape[0] if shape else 1)
        wanted = (max(0, stop - first), *shape[1:]) if shape else ()
        target = into.T if transpose else into
        if target.shape != wanted:
            raise MinilmError(
                f"{self.path}: {shortened(name)} has the shape {wanted}; "
                f"{target.shape} is asked for"
            )
        for where, block in self.blocks(name, into.dtype, rows=rows):
            if isinstance(where, slice):
                where = slice(where.start - first, where.stop - first)
            target[where] = block

    def _entry(self, name: str) -> Entry:
        try:
            return self._entries[name]
        except KeyError:
            raise MinilmError(
                f"{self.path} has no tensor {shortened(name)}{_near(name, self._entries)}"
            ) from None

    def _check_kind(self, name: str, entry: Entry, dtype: np.dtype) -> None:
        if entry.dtype in FLOATS and dtype in (np.dtype(np.float32), np.dtype(np.float64)):
            return
        stored = STORED.get(entry.dtype)
        if stored is None:
            what = "which is not read here; save it as F32, F16 or BF16"
        elif entry.dtype in FLOATS or dtype.kind == "f" or not np.can_cast(stored, dtype, "safe"):
            what = f"which does not become {dtype}; save it as another dtype"
        else:
            return
        raise MinilmError(f"{self.path}: {shortened(name)} is {entry.dtype}, {what}")

    def _open(self) -> io.FileIO:
        try:
            if not stat.S_ISREG(self.path.stat().st_mode):  # opening a pipe would wait for ever
                raise MinilmError(f"{self.path} is not a file; give a safetensors file")
            file = open(self.path, "rb", buffering=0)  # noqa: SIM115 the caller closes it
        except (OSError, ValueError) as error:
            raise self._unreadable(error) from None
        if self._identity is not None:
            try:
                self._check_identity(file)
            except BaseException:
                file.close()
                raise
        return file

    def _header(self, file: io.FileIO, n_file: int) -> bytes:
        start = file.read(8)
        if len(start) < 8:
            raise ValueError(f"it has {len(start)} bytes, and its header's length alone takes 8")
        length = int.from_bytes(start, "little")
        if length > json_file.LIMIT:
            raise ValueError(f"its header claims {length} bytes; {json_file.LIMIT} are the limit")
        if length > n_file - 8:
            raise ValueError(f"its header claims {length} bytes, and {n_file - 8} follow")
        header = bytearray(length)
        _read_into(file, memoryview(header))
        return bytes(header)

    def _fill(self, file: io.FileIO, name: str, raw: NDArray) -> None:
        try:
            _read_into(file, raw.reshape(-1).view(np.uint8).data)
        except ValueError:
            raise MinilmError(
                f"{self.path} was cut short while it was read, in {shortened(name)}; {AGAIN}"
            ) from None
        except OSError as error:
            raise self._unreadable(error) from None

    def _check_identity(self, file: io.FileIO) -> None:
        if _identity(file) != self._identity:
            raise MinilmError(f"{self.path} was changed since it was opened; start again")

    def _unreadable(self, error: Exception) -> MinilmError:
        reason = getattr(error, "strerror", None) or str(error)
        return MinilmError(f"cannot read {self.path}: {reason.lower()}; check the path")


def _near(name: str, names: dict[str, Entry]) -> str:
    # A list of all tensors would be no help, and comparing with many is slow.
    return did_you_mean(name, names) if len(names) <= 20 else ""


def _identity(file: io.FileIO) -> tuple[int, ...]:
    status = os.fstat(file.fileno())
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _read_into(file: io.FileIO, buffer: memoryview) -> None:
    """Fill the buffer; one read may bring less than was asked for."""
    while len(buffer):
        count = file.readinto(buffer)
        if not count:
            raise ValueError("it was cut short while it was read")
        buffer = buffer[count:]


def _converted(raw: NDArray, stored: str, dtype: np.dtype) -> NDArray:
    """The numbers that the bits stand for: bfloat16 is the upper half of a float32."""
    if stored == "BF16":
        raw = np.left_shift(raw, 16, dtype=np.uint32, casting="safe").view(np.float32)
    with np.errstate(over="ignore", invalid="ignore"):  # counted in `not_finite`
        return raw.astype(dtype, copy=False)
