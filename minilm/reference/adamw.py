r"""AdamW: one step of Adam with decoupled weight decay, on flat arrays, in place.

With g = gradients * scale (the factor of gradient clipping, else 1) and t = step >= 1,

    m <- beta1 m + (1 - beta1) g
    v <- beta2 v + (1 - beta2) g^2
    values <- values - learning_rate * (m_hat / (sqrt(v_hat) + eps) + weight_decay * values)

    m_hat = m / (1 - beta1^t)        v_hat = v / (1 - beta2^t)

Shapes: values, gradients, m, v (N,), all parameters of the model one after another, those
that decay first: weight_decay is 0 from entry n_decay on.

m and v start at 0, so after t steps they are weighted sums of the past whose weights add
up to 1 - beta^t and not to 1: dividing by that corrects them. "Decoupled" means that the
decay is not part of g, where sqrt(v_hat) would rescale it.

beta m is computed as m - (1 - beta) m. Rounded to float32, beta and 1 - beta do not add up to
1, and an average over 1 / (1 - beta) steps gathers the difference: 1e-5 for beta = 0.999.

Source: Kingma and Ba, "Adam" (2015), algorithm 1; Loshchilov and Hutter, "Decoupled Weight
Decay Regularization" (2019), algorithm 2 (with the decay multiplied by the learning rate,
as in PyTorch's AdamW).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

__all__ = ["clear", "norm", "step"]


def clear(gradients: NDArray) -> None:
    """Set all to zero, before the next batch adds to them."""
    gradients.fill(0)


def norm(gradients: NDArray) -> float:
    """The Euclidean norm of gradients (N,).

    Examples
    --------
    >>> norm(np.array([3.0, 0.0, 4.0]))
    5.0
    """
    return math.sqrt(float(np.dot(gradients, gradients)))


def step(
    values: NDArray,
    gradients: NDArray,
    m: NDArray,
    v: NDArray,
    *,
    step: int,
    learning_rate: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    n_decay: int,
    scale: float = 1.0,
) -> None:
    """Update values, m and v in place; `step` counts from 1.

    Raises
    ------
    ValueError
        If `step` is less than 1: the corrections would divide by zero.

    Examples
    --------
    The first step is the learning rate, whatever the size of the gradient:

    >>> values, m, v = np.array([1.0, 1.0]), np.zeros(2), np.zeros(2)
    >>> step(values, np.array([5.0, -0.01]), m, v, step=1, learning_rate=0.1, beta1=0.9,
    ...      beta2=0.999, eps=0.0, weight_decay=0.0, n_decay=2)
    >>> values.round(6).tolist()
    [0.9, 1.1]
    """
    if step < 1:
        raise ValueError(f"step counts from 1, not from {step}")
    g = gradients * float(scale)

    m -= (1 - beta1) * m
    m += (1 - beta1) * g
    v -= (1 - beta2) * v
    v += (1 - beta2) * g * g

    sqrt_v_hat = np.sqrt(v) / math.sqrt(1 - beta2**step)
    change = float(learning_rate) / (1 - beta1**step) * (m / (sqrt_v_hat + eps))
    change[:n_decay] += float(learning_rate) * weight_decay * values[:n_decay]
    values -= change
