"""Writing a safetensors file tensor by tensor: whole or absent.

The library's own `save_file` wants every tensor at once, contiguous and in its final layout,
which for a transposed export is a second copy of the model. Here strided views are enough,
and what must be computed is computed when its turn comes.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from minilm.errors import MinilmError
from minilm.storage.tensor_file import BLOCK_BYTES, STORED

__all__ = ["Lazy", "write"]

CODES = {dtype: code for code, dtype in STORED.items() if code != "BF16"}


class Lazy(NamedTuple):
    """A tensor that `make` computes when it is written, of a shape and dtype known before."""

    shape: tuple[int, ...]
    dtype: DTypeLike
    make: Callable[[], NDArray]


def write(
    path: str | os.PathLike[str],
    tensors: Mapping[str, NDArray | Lazy],
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write tensors as a safetensors file, holding a block of one at a time.

    The file appears under its name only when it is whole and on the disk; until then the
    file of that name, if there is one, stays as it is.

    Parameters
    ----------
    path : path
    tensors : mapping of str to ndarray or Lazy
        Floats or integers; arrays may be strided views. Larger dtypes come first in the file,
        so that each tensor is aligned; otherwise the order is kept.
    metadata : mapping of str to str, optional
        Such as ``{"format": "pt"}``, which `transformers` asks for.

    Raises
    ------
    MinilmError
        If the file cannot be written, as on a full disk.

    Examples
    --------
    >>> import tempfile
    >>> from minilm.storage.tensor_file import TensorFile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write(f"{folder}/a.safetensors", {"a": np.ones((3, 2), np.float32).T})
    ...     TensorFile(f"{folder}/a.safetensors").shape("a")
    (2, 3)
    """
    path = Path(path)
    ordered = sorted(tensors.items(), key=lambda item: -np.dtype(item[1].dtype).itemsize)
    header = _header(ordered, metadata)
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        try:
            with open(temporary, "wb") as file:
                file.write(len(header).to_bytes(8, "little") + header)
                for name, tensor in ordered:
                    _write_tensor(file, name, tensor)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:  # an interruption too leaves nothing behind
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
        _flush_folder(path.parent)
    except OSError as error:
        raise MinilmError(
            f"cannot write {path}: {(error.strerror or str(error)).lower()}; "
            "check the path and the room on the disk"
        ) from None


def _header(ordered: list[tuple[str, NDArray | Lazy]], metadata: Mapping[str, str] | None) -> bytes:
    fields: dict[str, object] = {} if metadata is None else {"__metadata__": dict(metadata)}
    if not all(isinstance(text, str) for text in (metadata or {}).values()):
        raise TypeError("metadata is text")
    start = 0
    for name, tensor in ordered:
        if name == "__metadata__":
            raise ValueError(f"{name} is not a name for a tensor")
        dtype = np.dtype(tensor.dtype).newbyteorder("<")
        stop = start + math.prod(tensor.shape) * dtype.itemsize
        fields[name] = {
            "dtype": CODES[dtype],
            "shape": list(tensor.shape),
            "data_offsets": [start, stop],
        }
        start = stop
    text = json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()
    return text + b" " * (-len(text) % 8)


def _write_tensor(file: BinaryIO, name: str, tensor: NDArray | Lazy) -> None:
    array = tensor.make() if isinstance(tensor, Lazy) else tensor
    if array.shape != tuple(tensor.shape) or array.dtype != np.dtype(tensor.dtype):
        raise ValueError(
            f"{name} was declared {np.dtype(tensor.dtype)} {tensor.shape}, "
            f"and is {array.dtype} {array.shape}"
        )
    for block in _row_blocks(array):
        stored = np.ascontiguousarray(block, block.dtype.newbyteorder("<"))
        file.write(stored.reshape(-1).view(np.uint8).data)


def _row_blocks(array: NDArray) -> Iterator[NDArray]:
    if array.size == 0:
        return
    if array.ndim == 0:
        yield array
        return
    n_rows = max(1, BLOCK_BYTES * len(array) // array.nbytes)
    for start in range(0, len(array), n_rows):
        yield array[start : start + n_rows]


def _flush_folder(folder: Path) -> None:
    """Ask the disk to keep the new name; Windows cannot open folders."""
    with contextlib.suppress(PermissionError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
