"""The shared-out matrix product against NumPy's and the loops."""

from __future__ import annotations

import numpy as np
import pytest

from nnscratch.kernels import loops
from nnscratch.kernels.products.matmul import matmul, rows_block
from nnscratch.kernels.threads import set_threads
from nnscratch.kernels.vectors import AVX512

# Each is another path: small, one row, no row, one term, shared along K, M, N, one row and one term
# shared.
SHAPES = [
    (3, 4, 5), (1, 300, 7), (0, 4, 5), (4, 0, 5), (9, 1, 7),
    (130, 2500, 160), (2500, 130, 160), (160, 130, 2500), (1, 2100, 2050), (2100, 1, 2050),
]  # fmt: skip


def operands(shape: tuple[int, int, int], transposed: bool) -> tuple[np.ndarray, np.ndarray]:
    m, k, n = shape
    rng = np.random.default_rng(1)
    a = rng.standard_normal((k, m)).T if transposed else rng.standard_normal((m, k))
    return a, rng.standard_normal((n, k)).T if transposed else rng.standard_normal((k, n))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("transposed", [False, True])
def test_equal_to_numpy(shape: tuple[int, int, int], transposed: bool) -> None:
    a, b = operands(shape, transposed)
    out = np.full((shape[0], shape[2]), np.nan)
    assert matmul(a, b, out) is out
    np.testing.assert_allclose(out, a @ b, rtol=1e-11, atol=1e-11)
    np.testing.assert_array_equal(matmul(a, b), out)


@pytest.mark.parametrize(
    "shape", [(130, 2500, 160), (100, 1300, 140), (331, 700, 90), (200, 700, 300), (1, 2100, 2050)]
)
def test_threads_do_not_change_the_bits(shape: tuple[int, int, int]) -> None:
    a, b = operands(shape, transposed=False)
    try:
        set_threads(1)
        alone = matmul(a, b)
        set_threads(3)
        np.testing.assert_array_equal(matmul(a, b), alone)
    finally:
        set_threads(None)


@pytest.mark.skipif(AVX512, reason="with AVX-512 many rows are cut into rows")
def test_many_rows_are_cut_into_columns_for_each_thread() -> None:
    assert [rows_block(512, 9216, 256, threads) for threads in (1, 2, 4, 9)] == [
        ("n", 128), ("n", 128), ("n", 64), ("n", 32)
    ]  # fmt: skip
    assert rows_block(512, 256, 100, 2) == ("m", 128)


def test_other_arrays() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.standard_normal((12, 20)), rng.standard_normal((20, 30))
    np.testing.assert_allclose(matmul(a[:, ::2], b[::2]), a[:, ::2] @ b[::2], rtol=1e-12)
    np.testing.assert_allclose(matmul(a, b.astype(np.float32)), a @ b.astype(np.float32), rtol=1e-12)
    wide = np.zeros((12, 60))
    np.testing.assert_allclose(matmul(a, b, wide[:, ::2]), a @ b, rtol=1e-12)
    np.testing.assert_array_equal(matmul(np.arange(6).reshape(2, 3), np.ones((3, 2), int)), [[3, 3], [12, 12]])


def test_shapes_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="mismatch"):
        matmul(np.ones((3, 4)), np.ones((5, 6)))
    with pytest.raises(ValueError, match="mismatch"):
        matmul(np.ones((3, 4)), np.ones((4, 6)), np.empty((3, 5)))


def test_dense_is_this_product() -> None:
    rng = np.random.default_rng(1)
    x, weight, bias, dy = (rng.standard_normal(s) for s in [(5, 4), (4, 3), (3,), (5, 3)])
    np.testing.assert_allclose(matmul(x, weight) + bias, loops.dense_forward(x, weight, bias), rtol=1e-12)
    dx, dweight, dbias = loops.dense_backward(x, weight, dy)
    np.testing.assert_allclose(matmul(dy, weight.T), dx, rtol=1e-12)
    np.testing.assert_allclose(matmul(x.T, dy), dweight, rtol=1e-12)
    np.testing.assert_allclose(dy.sum(axis=0), dbias, rtol=1e-12)


@pytest.mark.parametrize(
    ("a", "b", "out"),
    [((3,), (3, 2), None), ((2, 3), (3,), None), ((2, 3, 1), (3, 2), None), ((2, 3), (4, 2), None),
     ((200, 30), (29, 20), None), ((200, 30), (30, 20), (200, 19)), ((1, 30), (30, 20), (1, 21)),
     ((5, 1), (1, 6), (6, 5)), ((1, 30), (31, 20), None), ((5, 1), (2, 6), None)],
)  # fmt: skip
def test_shapes_that_do_not_fit_are_refused(
    a: tuple[int, ...], b: tuple[int, ...], out: tuple[int, ...] | None
) -> None:
    given = np.ones(a, np.float32), np.ones(b, np.float32)
    with pytest.raises(ValueError, match=r"matmul|mismatch|dimension"):
        matmul(*given, None if out is None else np.empty(out, np.float32))
