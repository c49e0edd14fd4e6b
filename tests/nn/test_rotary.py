"""The tables that attention turns queries and keys by."""

import numpy as np
import pytest

from minilm.errors import MinilmError
from minilm.nn.rope_scaling import RopeScaling
from minilm.nn.rotary import Rotary


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_angles(dtype: type) -> None:
    cos, sin = Rotary(4, 100.0).tables(3, 5, dtype)
    angles = np.arange(3, 8)[:, None] * np.array([1.0, 0.1])
    np.testing.assert_array_equal(cos, np.cos(angles).astype(dtype))
    np.testing.assert_array_equal(sin, np.sin(angles).astype(dtype))
    assert cos.dtype == sin.dtype == dtype


def test_kept_and_not_to_be_written_to() -> None:
    first = Rotary(4).tables(0, 3, np.float32)
    assert Rotary(4).tables(0, 3, "float32")[0] is first[0]
    assert Rotary(4, 50.0).tables(0, 3, np.float32)[0] is not first[0]
    for table in first:
        with pytest.raises(ValueError, match="read-only"):
            table[0, 0] = 1


def test_the_length_counts_from_the_first_position() -> None:
    """One more token after 8 is the ninth, for which dynamic frequencies have changed."""
    dynamic = Rotary(4, 100.0, RopeScaling("dynamic", 2.0, 8))
    plain = Rotary(4, 100.0)
    np.testing.assert_array_equal(dynamic.tables(7, 1, float)[0], plain.tables(7, 1, float)[0])
    cos, _ = dynamic.tables(8, 1, float)
    np.testing.assert_array_equal(cos, dynamic.tables(0, 9, float)[0][8:])
    assert cos[0, 0] == plain.tables(8, 1, float)[0][0, 0]
    assert cos[0, 1] != plain.tables(8, 1, float)[0][0, 1]


def test_attention_factor_sharpens_both_tables() -> None:
    scaling = {"factor": 4.0, "original_context": 16, "beta_fast": 4.0}
    blunt = Rotary(6, 100.0, RopeScaling("yarn", **scaling)).tables(0, 9, float)
    sharp = Rotary(6, 100.0, RopeScaling("yarn", **scaling, attention_factor=1.25)).tables(
        0, 9, float
    )
    for one, other in zip(blunt, sharp, strict=True):
        np.testing.assert_allclose(other, 1.25 * one, rtol=1e-15)
    np.testing.assert_allclose(sharp[0] ** 2 + sharp[1] ** 2, 1.25**2, rtol=1e-14)


def test_yarn_needs_pairs_of_unlike_speeds() -> None:
    with pytest.raises(MinilmError, match=r"model\.rope_base = 1\.0: .*unlike speeds"):
        Rotary(4, 1.0, RopeScaling("yarn", 2.0, 8))
    Rotary(4, 2.0, RopeScaling("yarn", 2.0, 8))
    Rotary(4, 1.0, RopeScaling("linear", 2.0))
