r"""L-BFGS: minimising a smooth function by its gradients, with a memory of the last few steps.

Newton's method would step to x - H^-1 g, with H the matrix of second derivatives, which is
too large to make. What H^-1 does is guessed from the last m steps s_k = x_{k+1} - x_k and the
changes of the gradient y_k = g_{k+1} - g_k that they brought, since H s ~ y. The two loops
below apply that guess to g without ever forming a matrix.

The step is halved until the function falls by at least a small share of what its slope
promises (Armijo's rule). Nothing is drawn at random, so equal input gives equal output.

Source: Nocedal and Wright, "Numerical Optimization" (2006), algorithms 7.4 and 3.1.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Minimum", "minimise"]

ARMIJO = 1e-4
HALVINGS = 60

_Pair = tuple[NDArray, NDArray, float]  # s, y, s . y


class Minimum(NamedTuple):
    """Where the search ended."""

    x: NDArray
    value: float
    steps: int
    converged: bool  # whether the gradient is as small as was asked


def minimise(
    function: Callable[[NDArray], tuple[float, NDArray]],
    start: NDArray,
    *,
    tolerance: float = 1e-6,
    max_steps: int = 1000,
    memory: int = 10,
) -> Minimum:
    """The minimum of a convex function, or a point near a local one of another.

    Parameters
    ----------
    function : x (n,) -> (value, gradient (n,))
    start : (n,)
    tolerance : float
        Ends when no component of the gradient is larger.
    memory : int
        m: how many steps the guess is made of.

    Examples
    --------
    >>> scale = np.array([1.0, 100.0])
    >>> found = minimise(lambda x: (float((scale * x) @ x) / 2, scale * x), np.array([3.0, 4.0]))
    >>> found.converged, bool(np.allclose(found.x, 0, atol=1e-6))
    (True, True)
    """
    x = np.array(start, np.float64)
    value, gradient = function(x)
    pairs: deque[_Pair] = deque(maxlen=memory)
    for step in range(max_steps):
        if np.max(np.abs(gradient), initial=0.0) <= tolerance:
            return Minimum(x, value, step, True)
        direction = -_inverse_hessian_times(gradient, pairs)
        # Before anything is known of the curvature, a step of length 1 at most.
        rate = 1.0 if pairs else min(1.0, 1.0 / float(np.linalg.norm(gradient)))
        slope = float(direction @ gradient)
        for _ in range(HALVINGS):
            new_x = x + rate * direction
            new_value, new_gradient = function(new_x)
            if new_value <= value + ARMIJO * rate * slope:
                break
            rate /= 2
        else:
            return Minimum(x, value, step, False)  # no lower point is within rounding
        s, y = new_x - x, new_gradient - gradient
        curvature = float(s @ y)
        if curvature > 1e-12 * float(y @ y):  # else the guess would no longer point downhill
            pairs.append((s, y, curvature))
        x, value, gradient = new_x, new_value, new_gradient
    return Minimum(x, value, max_steps, False)


def _inverse_hessian_times(gradient: NDArray, pairs: deque[_Pair]) -> NDArray:
    """The guess of H^-1 g."""
    q = gradient.copy()
    alphas = []
    for s, y, curvature in reversed(pairs):
        alpha = float(s @ q) / curvature
        q -= alpha * y
        alphas.append(alpha)
    if pairs:
        _, y, curvature = pairs[-1]
        q *= curvature / float(y @ y)
    for (s, y, curvature), alpha in zip(pairs, reversed(alphas), strict=True):
        q += (alpha - float(y @ q) / curvature) * s
    return q
