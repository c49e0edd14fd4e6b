"""Ids in a NumPy file (.npy), written as they come and read without loading them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import DTypeLike, NDArray

from minilm.errors import MinilmError

__all__ = ["read", "write"]


def write(path: str | os.PathLike[str], arrays: Iterable[NDArray], dtype: DTypeLike) -> int:
    """Write arrays (n,) one behind the other as one; returns how many ids there are.

    The file appears under its name when it is whole.

    Raises
    ------
    MinilmError
        If it cannot be written.
    """
    path = Path(path)
    partial = path.with_name(path.name + ".partial")
    count = 0
    try:
        try:
            with partial.open("wb") as file:
                _head(file, 0, dtype)
                for array in arrays:
                    file.write(array.astype(dtype, copy=False).tobytes())
                    count += len(array)
                # The format leaves room for the length to grow, for just this use.
                file.seek(0)
                _head(file, count, dtype)
            os.replace(partial, path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise MinilmError(f"cannot write {path}: {reason}; check space and permissions") from error
    return count


def _head(file: BinaryIO, count: int, dtype: DTypeLike) -> None:
    descr = npy.dtype_to_descr(np.dtype(dtype).newbyteorder("<"))
    fields = {"descr": descr, "fortran_order": False, "shape": (count,)}
    npy.write_array_header_1_0(file, fields)


def read(path: str | os.PathLike[str]) -> NDArray:
    """The ids (n,) of a file, left on disk until they are used.

    Raises
    ------
    MinilmError
        If it is not a NumPy file of whole numbers in one dimension.
    """
    try:
        ids = np.load(path, mmap_mode="r", allow_pickle=False)
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise MinilmError(f"cannot read {path}: {reason}; check the path") from error
    except (ValueError, EOFError) as error:
        raise MinilmError(f"{path} is not a NumPy file of ids: {error}") from None
    if not isinstance(ids, np.ndarray) or ids.ndim != 1 or ids.dtype.kind not in "iu":
        raise MinilmError(f"{path} does not hold ids: whole numbers in one dimension")
    return ids
