from __future__ import annotations

import numpy as np

import nnscratch as nn
from nnscratch.kernels import loops


def test_equal_to_the_loops() -> None:
    rng = np.random.default_rng(0)
    x, dy = rng.standard_normal((3, 4, 2)), rng.standard_normal((3, 4, 2))
    x[0] = 0.0  # the kink itself
    layer = nn.ReLU()
    np.testing.assert_array_equal(layer.forward(x, training=True), loops.relu_forward(x))
    np.testing.assert_array_equal(layer.backward(dy), loops.relu_backward(x, dy))
