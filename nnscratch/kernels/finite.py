"""Whether all numbers of an array are finite, as fast as memory can be read."""

from __future__ import annotations

import numpy as np
from numba import uint64

from nnscratch.kernels.compiled import njit
from nnscratch.kernels.threads import in_blocks

_NUMBERS_PER_BLOCK = 1 << 18  # below this a second thread costs more than it saves


def all_finite(x: np.ndarray) -> bool:
    """False if any number of x is NaN or infinite.

    x : any shape; copied first if it is not contiguous; slower if it is neither float32 nor float64

    Raises
        ValueError : x is no array of numbers

    >>> all_finite(np.array([1.0, -2.0])), all_finite(np.array([1.0, np.nan]))
    (True, False)
    """
    if not isinstance(x, np.ndarray) or x.dtype.kind not in "fiubc":
        kind = f"dtype {x.dtype}" if isinstance(x, np.ndarray) else type(x).__name__
        raise ValueError(f"all_finite: got x of {kind}, expected an array of numbers; use np.asarray(x, np.float64)")
    if x.dtype not in (np.float32, np.float64):
        return bool(np.isfinite(x).all())
    flat = np.ascontiguousarray(x).reshape(-1)
    if flat.size <= _NUMBERS_PER_BLOCK:
        return not sum_of_zeros(flat) or bool(np.isfinite(flat).all())
    sums = np.zeros(-(-flat.size // _NUMBERS_PER_BLOCK))

    def block(start: int, stop: int) -> None:
        sums[start // _NUMBERS_PER_BLOCK] = sum_of_zeros(flat[start:stop])

    in_blocks(block, flat.size, _NUMBERS_PER_BLOCK)
    return not sums.any() or bool(np.isfinite(flat).all())


# 0 times a number is 0, 0 times NaN or infinity is NaN, and NaN counts as true. "reassoc" allows
# any order of the sum, and so vectors. It also allows the compiler to factor out the 0; then a sum
# that overflows raises a false alarm, which is why callers check again with isfinite.
@njit(nogil=True, cache=True, fastmath={"reassoc", "contract", "nsz"})
def sum_of_zeros(x: np.ndarray) -> float:
    """sum over i of 0 * x[i]:  x (n,)"""
    zero = x.dtype.type(0)
    total = zero
    for i in range(uint64(len(x))):
        total += zero * x[i]
    return float(total)
