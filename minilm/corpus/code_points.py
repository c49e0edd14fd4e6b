"""Text as an array of its characters, which is what kernels read."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["code_points"]


def code_points(text: str) -> NDArray[np.uint32]:
    """The code points of a text (n,), halves of surrogate pairs included.

    Examples
    --------
    >>> code_points("aé😀").tolist()
    [97, 233, 128512]
    """
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")
    return codes.astype(np.uint32, copy=False)
