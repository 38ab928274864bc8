"""Optimizer updates in one pass: each array is read once, and written at most once.

An update does a handful of operations per number, so its time is that of moving the arrays. In
NumPy, each operation of the formula would be a pass of its own. All arrays here are flat, of one
dtype; scalars come in that dtype too: with float64 scalars, Numba would compute float32 arrays in
float64.

While a unit is dead, its gradient is 0, and its running mean (its velocity in SGD) shrinks by a
factor per step until it is subnormal. It then stays subnormal: the smallest numbers times 0.9 round
to themselves. Arithmetic on subnormal numbers is many times slower, so a mean or velocity smaller
than `flush_threshold` (float32: 1e-30) is set to 0.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from nnscratch.kernels.compiled import njit

# Numbers per block of an update, about 0.3 ms of one core: an array of 512 x 512 is done before a
# thread could be woken.
BLOCK = 1 << 19


# Mostly they are those of the step before, and each takes as long as a small array's update.
@functools.lru_cache(maxsize=64)
def in_dtype(dtype: np.dtype[Any], *values: float) -> tuple[Any, ...]:
    """The values as scalars of `dtype`; one that is too large for it becomes infinite."""
    with np.errstate(over="ignore"):
        return tuple([dtype.type(value) for value in values])


@functools.lru_cache(maxsize=8)
def flush_threshold(dtype: np.dtype[Any]) -> Any:
    """Smaller means and velocities are set to 0: 1e8 times the smallest normal number; float32 1e-30."""
    return dtype.type(1e8 * float(np.finfo(dtype).tiny))


@njit(nogil=True, cache=True, fastmath={"contract"})
def sgd(w: np.ndarray, dw: np.ndarray, lr: float, weight_decay: float) -> None:
    """w <- w - lr * (dw + weight_decay * w)

    w, dw : (n,); w is changed in place
    """
    for i in range(w.size):
        w[i] -= lr * (dw[i] + weight_decay * w[i])


@njit(nogil=True, cache=True, fastmath={"contract"})
def sgd_momentum(
    w: np.ndarray,
    dw: np.ndarray,
    v: np.ndarray,
    lr: float,
    weight_decay: float,
    momentum: float,
    ahead: float,
    nesterov: float,
    threshold: float,
) -> None:
    """One step of SGD with momentum:

        g = dw + weight_decay * w
        v <- momentum * v + g
        w <- w - lr * (g + ahead * v if nesterov else v)

    w, dw, v  : (n,); w and v are changed in place
    ahead     : how far Nesterov's step looks ahead along v: the momentum; 0 if not nesterov
    nesterov  : 1 or 0
    threshold : a v smaller than this is set to 0
    """
    # In the arrays' dtype: an integer beside a float32 would make Numba compute in float64.
    zero, plain = w.dtype.type(0), w.dtype.type(1) - nesterov
    for i in range(w.size):
        g = dw[i] + weight_decay * w[i]
        velocity = momentum * v[i] + g
        velocity = zero if abs(velocity) < threshold else velocity
        v[i] = velocity
        # No branch, so that the loop is vectorised: nesterov is 1 or 0, and one of the two terms is
        # exactly 0.
        w[i] -= lr * (nesterov * (g + ahead * velocity) + plain * velocity)


# "numpy": by Python's rules each division would be tested for 0, and the loop would not be vectorised.
@njit(nogil=True, cache=True, fastmath={"contract"}, error_model="numpy")
def adam(
    w: np.ndarray,
    dw: np.ndarray,
    m: np.ndarray,
    v: np.ndarray,
    lr: float,
    shrink: float,
    beta1: float,
    one_minus_beta1: float,
    beta2: float,
    one_minus_beta2: float,
    root_correction: float,
    epsilon: float,
    threshold: float,
) -> None:
    """One step of Adam:

        m <- beta1 m + (1 - beta1) dw
        v <- beta2 v + (1 - beta2) dw^2
        w <- shrink w - lr m / (sqrt(v) c + epsilon)

    w, dw, m, v : (n,); w, m and v are changed in place
    lr, root_correction (c) : with them m and v are corrected for their start at 0
    shrink : 1 - lr * weight_decay
    threshold : a smaller m is set to 0; v is not, because m over the root of a v of 0 would be a
        huge step if epsilon is small
    """
    zero = w.dtype.type(0)  # in the arrays' dtype, as in sgd_momentum
    for i in range(w.size):
        mean = beta1 * m[i] + one_minus_beta1 * dw[i]
        mean = zero if abs(mean) < threshold else mean
        m[i] = mean
        v[i] = beta2 * v[i] + one_minus_beta2 * dw[i] * dw[i]
        w[i] = shrink * w[i] - lr * mean / (np.sqrt(v[i]) * root_correction + epsilon)


@njit(nogil=True, cache=True, fastmath={"contract"})
def running_mean(mean: np.ndarray, w: np.ndarray, share: float, threshold: float) -> None:
    """mean <- mean + share * (w - mean)

    mean, w : (n,); mean is changed in place
    """
    zero = mean.dtype.type(0)  # in the arrays' dtype, as in sgd_momentum
    for i in range(mean.size):
        new = mean[i] + share * (w[i] - mean[i])
        mean[i] = zero if abs(new) < threshold else new


@njit(nogil=True, cache=True)
def sum_of_squares(values: np.ndarray) -> float:
    """sum of values^2, in float64 whatever the dtype.

    A float32 sum would lose small numbers, and overflow at (1e19)^2.

    values : (n,)
    """
    # Four independent sums: in a single one, each addition would wait for the one before.
    a, b, c, d = 0.0, 0.0, 0.0, 0.0
    whole = values.size - values.size % 4
    for i in range(0, whole, 4):
        a += np.float64(values[i]) * np.float64(values[i])
        b += np.float64(values[i + 1]) * np.float64(values[i + 1])
        c += np.float64(values[i + 2]) * np.float64(values[i + 2])
        d += np.float64(values[i + 3]) * np.float64(values[i + 3])
    for i in range(whole, values.size):
        a += np.float64(values[i]) * np.float64(values[i])
    return (a + b) + (c + d)
