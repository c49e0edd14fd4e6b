from __future__ import annotations

from minilm.kernels import squared_relu
from minilm.reference import squared_relu as reference
from tests.kernels.activations import agreement

test_equals_the_reference = agreement(squared_relu, reference)
