r"""From logits to the next token: greedy, or drawn at random from a shortened list.

In this order, each step working on what the one before has left:

    temperature t   z_v = logit_v / t, so that p_v = exp(z_v) / sum_u exp(z_u); 0 means greedy:
                    the largest logit, the first of several
    top_k           keep the k largest z; others that equal the k-th stay too
    top_p           keep the fewest of the most probable tokens whose p sum to at least top_p;
                    of equal ones at the limit those of higher ids stay; one always stays

The order of the steps, and what becomes of ties in top_k, are those of Hugging Face's `generate`,
but in float64. Which of equal tokens at the limit of top_p stay is not fixed there: its sort is
not stable.

Source: top_k: Fan, Lewis and Dauphin, "Hierarchical neural story generation" (2018);
top_p: Holtzman et al., "The curious case of neural text degeneration" (2020).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from minilm.errors import MinilmError

__all__ = ["check", "probabilities", "sample"]


def sample(
    logits: NDArray,
    *,
    rng: np.random.Generator,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
) -> int:
    """Draw a token id. Uses one number of `rng` at any temperature, so that streams stay aligned.

    See `probabilities` for the other arguments and for errors.

    Examples
    --------
    >>> sample(np.array([0.0, 3.0, 1.0]), rng=np.random.default_rng(0), temperature=0)
    1
    """
    cumulative = np.cumsum(probabilities(logits, temperature, top_k, top_p))
    # Scaled by the last entry, which rounding leaves beside 1, the drawn number stays below it.
    # The first entry above the number is never one that adds nothing.
    return int(np.searchsorted(cumulative, rng.random() * cumulative[-1], "right"))


def probabilities(
    logits: NDArray,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
) -> NDArray[np.float64]:
    """The distribution (V,) that `sample` draws from; zero for tokens cut away.

    Parameters
    ----------
    logits : (V,) float
        -inf forbids a token.
    temperature : float
        At least 0; 0 gives all to the largest logit.
    top_k : int, optional
        At least 1; None or more than V keeps all.
    top_p : float, optional
        From 0 (the most probable token only) to 1; None keeps all.

    Raises
    ------
    MinilmError
        If an option is out of range (it names the option), or the logits hold NaN or +inf.

    Examples
    --------
    >>> probabilities(np.log([0.5, 0.3, 0.2]), top_p=0.7).round(3).tolist()
    [0.625, 0.375, 0.0]
    """
    check(temperature, top_k, top_p)
    if logits.ndim != 1:
        raise ValueError(f"logits must be one row (V,), not {logits.shape}")
    largest = np.max(logits)
    if not np.isfinite(largest):
        raise MinilmError(
            f"the largest logit is {largest}, so no token can be drawn; "
            "the model is damaged or its training diverged"
        )
    if temperature == 0:
        greedy = np.zeros(len(logits))
        greedy[np.argmax(logits)] = 1
        return greedy
    # With the largest first moved to 0, a tiny temperature overflows to -inf only.
    with np.errstate(over="ignore"):
        z = (logits.astype(np.float64) - float(largest)) / temperature
    if top_k is not None and top_k < len(z):
        z[z < np.partition(z, -top_k)[-top_k]] = -np.inf
    p = np.exp(z)
    p /= p.sum()
    if top_p is not None and top_p < 1:
        # So little that all of it together is cut away in any case: it need not be sorted.
        little = p < (1 - top_p) / len(p)
        candidates = np.flatnonzero(~little)
        order = candidates[np.argsort(z[candidates], kind="stable")]
        below = p[little].sum() + np.cumsum(p[order])
        p[little] = 0
        p[order[:-1][below[:-1] <= 1 - top_p]] = 0
        p /= p.sum()
    return p


def check(temperature: float = 1.0, top_k: int | None = None, top_p: float | None = None) -> None:
    """Refuse options that `probabilities` would refuse, before there are logits."""
    if not _is_number(temperature) or not 0 <= temperature < math.inf:
        raise MinilmError(
            f"temperature is {temperature!r}; choose a number from 0 (always the most probable) up"
        )
    if top_p is not None and (not _is_number(top_p) or not 0 <= top_p <= 1):
        raise MinilmError(f"top_p is {top_p!r}; choose a number from 0 to 1, or leave it out")
    if top_k is not None and (not _is_integer(top_k) or top_k < 1):
        raise MinilmError(f"top_k is {top_k!r}; choose a whole number from 1 up, or leave it out")


def _is_number(value: object) -> bool:
    return isinstance(value, (float, np.floating)) or _is_integer(value)


def _is_integer(value: object) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)
