"""How improbable a count would be, if the shares were as a test supposes."""

import math
from collections.abc import Sequence

import mpmath
import numpy as np
from numpy.typing import NDArray


def binomial(count: int, n: int, share: float) -> float:
    """The probability of a count as far out, on its own side, of ``n`` draws; doubled."""
    log_factorial = np.array([math.lgamma(k + 1) for k in range(n + 1)])
    k = np.arange(n + 1)
    p = np.exp(
        log_factorial[n]
        - log_factorial
        - log_factorial[::-1]
        + k * math.log(share)
        + (n - k) * math.log1p(-share)
    )
    return float(min(1.0, 2 * min(p[: count + 1].sum(), p[count:].sum())))


def evenly(counts: Sequence[int] | NDArray[np.integer]) -> float:
    """The probability, by chi-square, that even shares give counts at least as uneven."""
    seen = np.asarray(counts, dtype=np.float64)
    statistic = ((seen - seen.mean()) ** 2).sum() / seen.mean()
    return float(mpmath.gammainc((len(seen) - 1) / 2, statistic / 2, mpmath.inf, regularized=True))
