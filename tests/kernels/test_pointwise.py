from __future__ import annotations

import numpy as np
import pytest

from nnscratch.kernels import loops
from nnscratch.kernels.pointwise import bias_relu_mask, relu_mask_backward


@pytest.mark.parametrize("rectified", [False, True])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("biased", [False, True])
def test_equal_to_the_loops(rectified: bool, masked: bool, biased: bool) -> None:
    rng = np.random.default_rng(0)
    z, dy, bias = rng.standard_normal((5, 7)), rng.standard_normal((5, 7)), rng.standard_normal(7)
    kept = rng.random((5, 7)) < 0.5
    shifted = z + bias if biased else z
    y = loops.relu_forward(shifted) if rectified else shifted
    y = loops.dropout_forward(y, kept, 0.5) if masked else y
    dz = loops.dropout_forward(dy, kept, 0.5) if masked else dy
    dz = loops.relu_backward(shifted, dz) if rectified else dz

    mask = 2.0 * kept if masked else None
    got = z.copy()
    bias_relu_mask(got, bias if biased else None, rectified, mask)
    np.testing.assert_allclose(got, y, rtol=1e-14)
    got_dz = np.empty_like(dy)
    relu_mask_backward(dy, got, rectified, mask, got_dz)
    np.testing.assert_allclose(got_dz, dz, rtol=1e-14)
