"""The rounding of weights to bfloat16."""

import numpy as np

from minilm.reference.half_weights import narrow, widen


def test_narrowing_rounds_to_the_nearest_and_to_even():
    one, step = np.float32(1), np.float32(2**-7)
    x = np.array([one, one + step / 2, one + 1.5 * step, one + 0.51 * step, np.inf, -0.0])
    assert widen(narrow(x.astype(np.float32))).tolist() == [
        1.0, 1.0, 1 + 2 * float(step), 1 + float(step), np.inf, 0.0,
    ]  # fmt: skip
    assert np.isnan(widen(narrow(np.array([np.nan], np.float32))))[0]
    y = np.random.default_rng(0).standard_normal(999).astype(np.float32)
    assert (np.abs(widen(narrow(y)) - y) <= np.abs(y) / 256).all()
