"""Sets of options that several tests build models with."""

from typing import Any

# Those of present-day models; sizes are each test's own.
MODERN: dict[str, Any] = {
    "position": "rope",
    "norm": "rms_norm",
    "activation": "swiglu",
    "bias": False,
    "qk_norm": True,
    "tied_head": False,
}
