"""Pooled rows by the sums as they stand: which rows are written. test_forward.py tests their
numbers in all cases.
"""

from __future__ import annotations

import numpy as np

from nnscratch.kernels.channel_vectors.direct import direct_rows
from nnscratch.kernels.memory import Scratch


def test_rows_from_the_middle_of_an_image_to_the_middle_of_another(conv_relu_pool) -> None:
    x, weight, bias = conv_relu_pool.arrays((3, 8, 9, 5), 20, (3, 2), np.float64)
    _, expected, winners = conv_relu_pool.forward(x, weight, bias)
    y, argmax = np.full(expected.shape, np.nan), np.full(expected.shape, 99, np.uint8)
    rows = direct_rows(weight, bias, Scratch())
    rows(x, 1, 7, y, argmax)  # three rows per image: from the second of the first to the first of the third
    flat_y, flat_argmax = y.reshape(9, -1), argmax.reshape(9, -1)
    np.testing.assert_allclose(flat_y[1:7], expected.reshape(9, -1)[1:7], rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(flat_argmax[1:7], winners.reshape(9, -1)[1:7])
    for outside in (slice(0, 1), slice(7, 9)):
        assert np.isnan(flat_y[outside]).all()
        assert (flat_argmax[outside] == 99).all()
