"""The packed orders against their formulas, on parts of a matrix."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nnscratch.kernels.products import packing
from nnscratch.kernels.products.gemm_tiles import PANEL, STRIP
from nnscratch.kernels.vectors import VECTOR_BYTES

DTYPES = [np.float32, np.float64]


def test_parts_of_equal_size() -> None:
    assert packing.parts(10, 3) == 4
    assert packing.part(10, 3, 1) == 3
    assert packing.part(250, 240, 8) == 128
    assert packing.part(3, 240, 8) == 8


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_in_strips(dtype: Any, transposed: bool) -> None:
    a = np.arange(30.0 * 40).reshape(30, 40).astype(dtype)
    (m0, m1), (k0, k1) = (3, 22), (5, 33)
    packed, step = np.full(4096, -1, dtype), STRIP * 40
    packing.pack_a(np.ascontiguousarray(a.T) if transposed else a, transposed, m0, m1, k0, k1, packed, step)
    for m in range(m0, m1):
        strip = packed[(m - m0) // STRIP * step :][: (k1 - k0) * STRIP].reshape(k1 - k0, STRIP)
        np.testing.assert_array_equal(strip[:, (m - m0) % STRIP], a[m, k0:k1])


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
def test_b_in_panels(dtype: Any, transposed: bool) -> None:
    lanes = VECTOR_BYTES // np.dtype(dtype).itemsize
    panel = PANEL * lanes
    rows, width = 20, 3 * panel
    b = np.arange(1.0 * rows * width).reshape(rows, width).astype(dtype)
    step, at = panel * 32, 7  # whole vectors of terms, as gemm.py lays them out: 17 become up to 32
    for n0, n1 in ((0, 2 * panel), (2, panel + 3), (1, 2 * panel + lanes), (5, 6)):
        packed = np.full(at + 3 * step + 4 * panel, -1, dtype)
        pack = packing.pack_transposed_b if transposed else packing.pack_b
        pack(np.ascontiguousarray(b.T) if transposed else b, 2, 19, n0, n1, packed, at, step)
        for n in range(n0, n1):
            one = packed[at + (n - n0) // panel * step :][: 17 * panel].reshape(17, panel)
            np.testing.assert_array_equal(one[:, (n - n0) % panel], b[2:19, n])
        assert (packed[:at] == -1).all()
        assert (packed[at + 3 * step :] == -1).all()
