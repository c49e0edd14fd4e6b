from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from minilm.kernels import philox
from minilm.kernels.jit import kernel
from minilm.reference import philox as reference

word = st.integers(0, 2**32 - 1)


@kernel()
def _words(counter, k0, k1):
    return philox.philox4x32(counter[0], counter[1], counter[2], counter[3], k0, k1)


def words(counter, key):
    return [int(w) for w in _words(np.array(counter, np.uint32), *philox.key_words(key))]


def test_known_answers():
    # From the Random123 distribution (kat_vectors).
    assert words([0] * 4, 0) == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]
    ones = 0xFFFFFFFF
    assert words([ones] * 4, 2**64 - 1) == [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]
    pi = [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344]
    key = 0xA4093822 | 0x299F31D0 << 32
    assert words(pi, key) == [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1]


@given(st.lists(word, min_size=4, max_size=4), st.integers(0, 2**64 - 1))
def test_equals_the_reference(counter, key):
    assert words(counter, key) == reference.philox4x32(*counter, key).tolist()
