"""What every kernel of x W must do, whatever it packs.

product(a, b, part) gives the part (m0, m1, n0, n1, k0, k1) of a @ b in an array of NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nnscratch.kernels.memory import empty
from nnscratch.kernels.products.gemm import packed_size

Product = Callable[[np.ndarray, np.ndarray, tuple[int, ...]], np.ndarray]


def product_of(kernel: Callable[..., None]) -> Product:
    """That of a kernel which packs into scratch."""

    def product(a: np.ndarray, b: np.ndarray, part: tuple[int, ...]) -> np.ndarray:
        c = np.full((len(a), b.shape[1]), np.nan, a.dtype)
        packed = empty((packed_size(a.dtype),), a.dtype)
        packed[:] = np.nan  # what nobody wrote must not show
        kernel(a, b, c, *part, packed)
        return c

    return product


def check_equal_to_numpy(product: Product, m: int, dtype: Any, sizes: Sequence[tuple[int, int]]) -> None:
    """sizes : (k, n)"""
    rng = np.random.default_rng(m)
    for k, n in sizes:
        a, b = rng.standard_normal((m, k)).astype(dtype), rng.standard_normal((k, n)).astype(dtype)
        got = product(a, b, (0, m, 0, n, 0, k))
        wanted = a.astype(np.float64) @ b.astype(np.float64)
        # The error of a sum grows with its terms: |a| @ |b| bounds them.
        bound = np.finfo(dtype).eps * k * (np.abs(a).astype(np.float64) @ np.abs(b).astype(np.float64))
        assert (np.abs(got - wanted) <= bound).all()


def check_part_leaves_the_rest_alone(product: Product) -> None:
    rng = np.random.default_rng(1)
    a, b = rng.standard_normal((50, 300)), rng.standard_normal((300, 70))
    a[32:] = b[:, 60:] = np.nan  # what lies beside the part is not used, even where it is copied
    got = product(a, b, (5, 32, 3, 60, 7, 290))
    np.testing.assert_allclose(got[5:32, 3:60], a[5:32, 7:290] @ b[7:290, 3:60], rtol=1e-11, atol=1e-11)
    got[5:32, 3:60] = np.nan
    assert np.isnan(got).all()


def check_what_is_not_finite_shows(product: Product) -> None:
    rng = np.random.default_rng(1)
    a, b = rng.standard_normal((13, 170)), rng.standard_normal((170, 51))
    a[12, 169] = b[5, 50] = np.inf
    got = product(a, b, (0, 13, 0, 51, 0, 170))
    assert np.isfinite(got).sum() == 12 * 50


def check_bits_of_any_cut(product: Product, columns: tuple[int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns a (49, 700), b (700, 160) and their product, whose bits all cuts have."""
    rng = np.random.default_rng(1)
    a, b = (rng.standard_normal(shape).astype(np.float32) for shape in ((49, 700), (700, 160)))
    whole = product(a, b, (0, 49, 0, 160, 0, 700))
    for part in ((0, 48, 0, 160, 0, 700), (48, 49, 0, 160, 0, 700), (0, 49, *columns, 0, 700)):
        m0, m1, n0, n1, *_ = part
        np.testing.assert_array_equal(product(a, b, part)[m0:m1, n0:n1], whole[m0:m1, n0:n1])
    return a, b, whole
