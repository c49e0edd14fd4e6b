"""Vectors of texts in a NumPy file (.npy)."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from minilm.errors import MinilmError

__all__ = ["check", "read", "write"]


def check(path: str | os.PathLike[str]) -> None:
    """Refuse, before the work is done, a name that could not be written to after it.

    Raises
    ------
    MinilmError
        If it is a folder or in none, or does not end in .npy.
    """
    path = Path(path)
    if path.suffix != ".npy":
        raise MinilmError(f"{path}: the name must end in .npy")
    if path.is_dir():
        raise MinilmError(f"{path} is a folder; name a file in it")
    if not path.parent.is_dir():
        raise MinilmError(f"no folder {path.parent}; make it first")


def write(path: str | os.PathLike[str], vectors: NDArray) -> None:
    """Write vectors (N, C) as float32; the file appears under its name when it is whole.

    Raises
    ------
    MinilmError
        If it cannot be written.
    """
    path = Path(path)
    partial = path.with_name(path.name + ".partial")
    try:
        with partial.open("wb") as file:
            np.save(file, vectors.astype(np.float32), allow_pickle=False)
        os.replace(partial, path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        reason = (error.strerror or type(error).__name__).lower()
        raise MinilmError(f"cannot write {path}: {reason}; check space and permissions") from error


def read(path: str | os.PathLike[str], n: int, n_channel: int) -> NDArray:
    """The vectors (n, n_channel) of a file.

    Raises
    ------
    MinilmError
        If it is not a file of that many finite numbers.
    """
    try:
        vectors = np.load(path, allow_pickle=False)
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise MinilmError(f"cannot read {path}: {reason}; check the path") from error
    except (ValueError, EOFError):
        raise MinilmError(
            f"{path} is not a NumPy file of vectors, which minilm embed makes"
        ) from None
    if not isinstance(vectors, np.ndarray) or vectors.dtype.kind != "f":
        raise MinilmError(f"{path} does not hold vectors of floats")
    if vectors.shape != (n, n_channel):
        raise MinilmError(
            f"{path} has the shape {vectors.shape}, and {n} texts need ({n}, {n_channel}): "
            "embed them again"
        )
    if not np.isfinite(vectors).all():
        raise MinilmError(f"{path} has numbers that are not finite: embed the texts again")
    return vectors
