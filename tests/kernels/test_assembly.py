"""The machine code of a kernel."""

from __future__ import annotations

import numpy as np
from numba import njit

from nnscratch.kernels.assembly import assembly
from nnscratch.kernels.products.gemv import row_by_matrix


def test_a_kernel_that_came_from_the_cache_is_shown_too() -> None:
    arguments = np.ones((1, 8), np.float32), np.ones((8, 3), np.float32), np.ones((1, 3), np.float32), 0, 8
    row_by_matrix(*arguments)
    assert len(assembly(row_by_matrix, *arguments).splitlines()) > 200


def test_the_kernel_is_not_called() -> None:
    @njit
    def fill(x):
        x[:] = 1

    x = np.zeros(5)
    assert assembly(fill, x)
    assert not x.any()


def test_the_options_of_the_kernel_are_kept() -> None:
    def ratio(x, y):
        return x / y

    checked = assembly(njit(ratio), 1.0, 2.0).splitlines()
    unchecked = assembly(njit(error_model="numpy")(ratio), 1.0, 2.0).splitlines()
    assert len(unchecked) < len(checked)  # no test for a division by zero
