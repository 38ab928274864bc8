from __future__ import annotations

import numpy as np

import nnscratch as nn


def test_there_and_back() -> None:
    x = np.random.default_rng(0).standard_normal((3, 4, 5, 2))
    layer = nn.Flatten()
    y = layer.forward(x, training=True)
    assert y.shape == (3, 40)
    assert y[1, (2 * 5 + 3) * 2 + 1] == x[1, 2, 3, 1]
    np.testing.assert_array_equal(layer.backward(y), x)
