"""Which kernel multiplies, and when threads share the work: each rule at its borders."""

from __future__ import annotations

import numpy as np
import pytest

from nnscratch.kernels.products import choice
from nnscratch.kernels.vectors import AVX512


@pytest.mark.parametrize(
    ("m", "k", "n", "wanted"), [(5, 1, 7, "outer"), (1, 1, 7, "outer"), (1, 3, 7, "row"), (2, 3, 7, "tiles")]
)
def test_dense_kernel(m: int, k: int, n: int, wanted: str) -> None:
    assert choice.dense_kernel(m, k, n) == wanted


def test_what_is_left_to_numpy() -> None:
    a, b, out = np.ones((4, 3)), np.ones((3, 5)), np.ones((4, 5))
    assert not choice.numpy_multiplies(a, b, out)
    assert not choice.numpy_multiplies(np.ones((3, 4)).T, np.ones((5, 3)).T, out)
    assert choice.numpy_multiplies(np.ones((4, 6))[:, ::2], b, out)
    assert choice.numpy_multiplies(a, np.ones((3, 10))[:, ::2], out)
    assert choice.numpy_multiplies(a, b, np.asfortranarray(out))
    assert choice.numpy_multiplies(a, b.astype(np.float32), out)
    assert choice.numpy_multiplies(a.astype(int), b.astype(int), out.astype(int))
    assert choice.numpy_multiplies(a, np.ones((4, 5)), out)  # it raises the error
    assert choice.numpy_multiplies(np.ones((0, 3)), b, np.ones((0, 5)))


def test_which_gradients_wait() -> None:
    most = choice.MOST_ROWS_TO_DEFER
    assert [choice.defers(rows, 512, 512) for rows in (0, 1, most, most + 1)] == [False, True, True, False]
    assert [choice.defers(1, n_in, 512) for n_in in (511, 512)] == [False, True]
    assert not choice.defers(2, 1, 1 << 20)  # x.T has one row: another kernel
    assert [choice.defers(1, 64, n_out) for n_out in (8192, 8193)] == [True, False]


def test_what_is_shared_and_along_which_axis() -> None:
    assert not choice.shares_product(100, 100, 100)
    assert choice.shares_product(100, 9216, 256)
    assert choice.shares_product(2, 15488, 500)  # few multiply-adds, but a large matrix
    assert not choice.shares_numbers(512 * 512)
    assert choice.shares_numbers(15488 * 500)
    sizes = (79, 401, 100), (79, 400, 100), (101, 4, 100)
    assert [choice.shared_axis(*each) for each in sizes] == ["k", "n", "m"]


def test_many_rows_are_cut_where_nothing_is_packed() -> None:
    assert choice.tiles_kernel(144, transposed=False) == ("gemm_unpacked" if AVX512 else "gemm_panels")
    assert choice.tiles_kernel(145, transposed=False) == ("gemm_unpacked" if AVX512 else "gemm_rows")
    assert choice.tiles_kernel(9, transposed=True) == "gemm"
    assert choice.cuts_rows(80, 9216, 256, transposed=False) == AVX512
    assert not choice.cuts_rows(79, 9216, 256, transposed=False)
    assert not choice.cuts_rows(128, 9216, 256, transposed=True)
    assert not choice.cuts_rows(128, 15488, 500, transposed=False)
    assert choice.shared_axis(512, 9216, 256) == ("m" if AVX512 else "n")
    assert choice.shared_axis(512, 9216, 255) == "m"
    assert choice.shared_axis(512, 9216, 256, transposed=True) == "k"


def test_each_thread_keeps_its_part_of_a_matrix_that_moves() -> None:
    for rows in (80, 100, 512):
        assert not choice.cuts_rows(rows, 9216, 256, transposed=False, moves=True)
    assert choice.shared_axis(100, 9216, 256, moves=True) == "k"
    assert choice.shared_axis(512, 9216, 256, moves=True) == ("k" if AVX512 else "n")


def test_products_are_told_with_their_kernel_their_reason_and_their_threads() -> None:
    assert choice.product(5, 1, 7) == ("products/gemv.py, outer", choice.DENSE_BECAUSE["outer"])
    assert choice.product(1, 9, 7) == ("products/gemv.py, row", choice.DENSE_BECAUSE["row"])
    kernel, why = choice.product(100, 9, 7, transposed=True)
    assert kernel == "products/gemm.py, tiles"
    least = f"{choice.LEAST_PRODUCTS_TO_SHARE / 1e6:.0f} million multiply-adds"
    assert why.endswith(f"below {least}, one thread")
    assert choice.product(100, 9, 7)[0] == f"products/{'gemm_unpacked' if AVX512 else 'gemm_panels'}.py, tiles"
    assert choice.product(145, 9, 7)[0] == f"products/{'gemm_unpacked' if AVX512 else 'gemm_rows'}.py, tiles"
    kernel, why = choice.product(100, 9216, 256, transposed=True)
    assert kernel == "products/gemm.py, tiles, blocks along K"
    assert why.endswith(f"from {least} on, a second thread pays")
