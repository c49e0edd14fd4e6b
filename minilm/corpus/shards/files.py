"""Files that appear under their names when they are whole and on the disk, or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from minilm.errors import MinilmError

__all__ = ["cannot_write", "flush_folder", "sha256", "whole"]

BLOCK = 1 << 20


@contextlib.contextmanager
def whole(path: Path) -> Iterator[BinaryIO]:
    """Write a file: it replaces what is there when the block ends, and only if it ends well.

    Two processes may write the same file at once; the last to finish wins.

    Raises
    ------
    MinilmError
        If it cannot be written, as on a full disk.
    """
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        try:
            with open(partial, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(partial, path)
        except BaseException:
            with contextlib.suppress(OSError):
                partial.unlink()
            raise
        flush_folder(path.parent)
    except OSError as error:
        raise cannot_write(path, error) from error


def cannot_write(path: Path, error: OSError) -> MinilmError:
    """What to tell when the disk refuses."""
    reason = (error.strerror or type(error).__name__).lower()
    return MinilmError(f"cannot write {path}: {reason}; check the room on the disk and the path")


def flush_folder(folder: Path) -> None:
    """Ask the disk to keep new names; Windows cannot open folders."""
    with contextlib.suppress(PermissionError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def sha256(path: Path) -> str:
    """The digest of a file, as 64 hex digits.

    Raises
    ------
    MinilmError
        If it cannot be read.
    """
    sha = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            while block := file.read(BLOCK):
                sha.update(block)
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise MinilmError(f"cannot read {path}: {reason}; check the disk and the path") from error
    return sha.hexdigest()
