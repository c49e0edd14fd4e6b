"""Packages that only some corpora need: imported where they are used, named when missing."""

from __future__ import annotations

import importlib
from typing import Any

from minilm.errors import MinilmError

__all__ = ["load"]


def load(module: str, package: str, extra: str, purpose: str) -> Any:
    """The module of an optional package.

    Parameters
    ----------
    module : str
        What is imported, such as "pyarrow.parquet".
    package, extra : str
        What to install, such as "pyarrow", and the extra of this library that has it.
    purpose : str
        What needs it, the beginning of the message.

    Raises
    ------
    MinilmError
        If it is not installed.

    Examples
    --------
    >>> load("no_such_module", "nothing", "corpus", "dreaming")
    Traceback (most recent call last):
        ...
    minilm.errors.MinilmError: dreaming needs the package nothing: pip install 'minilm[corpus]'
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MinilmError(
            f"{purpose} needs the package {package}: pip install 'minilm[{extra}]'"
        ) from error
