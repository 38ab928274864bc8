"""A product of few terms that is not computed until somebody needs it.

The gradient of a dense layer's weight, x.T dz, is as large as the weight, and for few rows hardly
anything is computed: its time is that of writing it, and of reading it again for the update. x and
dz are small. So they are kept, and update_table.py computes the product block by block in the
cache, beside the weights that it moves.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

import numpy as np

from nnscratch.kernels.products.matmul import matmul
from nnscratch.kernels.products.packed_factors import Factor, PackedFactor, multiply_packed, numbers_of

# Two threads that look at once write to the same memory. Reentrant, for a signal's handler.
_computing = threading.RLock()


class DeferredProduct:
    """x.T (M, K) @ dz (K, N), whose factors stay unchanged until `renew`.

    x (K, M), dz (K, N) : contiguous or packed, float32 or float64; M is not 1
    memory : gives the (M, N) array that `value` fills

    >>> x, dz = np.array([[1.0, 2.0]]), np.array([[3.0, 5.0]])
    >>> product = DeferredProduct(x, dz, lambda: np.empty((2, 2)))
    >>> product.is_computed
    False
    >>> product.value()
    array([[ 3.,  5.],
           [ 6., 10.]])
    >>> dz[:] = 1
    >>> product.renew()
    >>> product.value()
    array([[1., 1.],
           [2., 2.]])
    """

    def __init__(self, x: Factor, dz: Factor, memory: Callable[[], np.ndarray]) -> None:
        self.x, self.dz = x, dz
        self.shape, self.dtype = (x.shape[1], dz.shape[1]), x.dtype
        self._memory = memory
        self._number = 0  # of the factors' contents
        self._result: tuple[int, np.ndarray] | None = None  # and of which contents it is the product

    def keeps(self, x: Factor, dz: Factor) -> bool:
        """Whether its factors lie in the same arrays."""
        return numbers_of(x) is numbers_of(self.x) and numbers_of(dz) is numbers_of(self.dz)

    def renew(self) -> None:
        """To be called when the factors have got other contents."""
        self._number += 1

    @property
    def is_computed(self) -> bool:
        """Whether `value` would compute nothing: somebody has the array, and may have changed it."""
        result = self._result
        return result is not None and result[0] == self._number

    def value(self) -> np.ndarray:
        """The product, the same array until `renew`; computed if it is not there yet."""
        with _computing:
            number, result = self._number, self._result
            if result is None or result[0] != number:
                # For a thread that looks during a backward it is anything, but counts for old then.
                result = self._result = number, self._computed()
            return result[1]

    def _computed(self) -> np.ndarray:
        if isinstance(self.x, PackedFactor) and isinstance(self.dz, PackedFactor):
            return multiply_packed(self.x, self.dz, self._memory())
        return matmul(numbers_of(self.x).T, numbers_of(self.dz), out=self._memory())


def _forget_after_fork() -> None:
    global _computing
    _computing = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_after_fork)
