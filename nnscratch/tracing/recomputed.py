"""What a page computes by itself, to the bit: a formula, and how the real numbers differ from it.

A formula in float64, rounded to float32 once for each line, gives what the compiled kernels give,
but for some last digits: they may join a product and a sum, or add in another order. So a page
needs only the bits in which such an array differs from the formula; nearly all of them are 0. The
same lines stand in page/arrays.js; both use only operations that IEEE 754 rounds exactly.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from nnscratch.kernels.updates import flush_threshold

MOST_ROWS = 64  # of a batch, for `dense_gradient`: the sum of more takes a page too long


def difference(formula: np.ndarray, real: np.ndarray) -> np.ndarray:
    """The bits in which two arrays of one shape and dtype differ, as bytes: formula XOR real."""
    little = real.dtype.newbyteorder("<")
    bits = (np.ascontiguousarray(array.astype(little)).reshape(-1).view(np.uint8) for array in (formula, real))
    return np.bitwise_xor(*bits).reshape(real.size, real.dtype.itemsize).T


def dense_gradient(x: np.ndarray, dy: np.ndarray) -> np.ndarray:
    """sum over n of x[n,i] * dy[n,o], row after row, in float64; then rounded

    x (N, n_in), dy (N, n_out) -> (n_in, n_out), in the dtype of dy
    """
    total = np.zeros((x.shape[1], dy.shape[1]))
    with np.errstate(all="ignore"):  # what the layer came to is in the difference
        for row, gradient in zip(x.astype(np.float64), dy.astype(np.float64), strict=True):
            total += np.outer(row, gradient)
        return total.astype(dy.dtype)


def starting_factors(settings: Mapping[str, Any]) -> dict[str, float]:
    """Adam's corrections for the start of its means at 0: "rate", lr / (1 - beta1^t), and
    "correction", 1 / sqrt(1 - beta2^t). {} for another optimizer.

    A page gets them as numbers, for powers are not the same to the bit everywhere.
    """
    if settings["rule"] != "Adam":
        return {}
    (beta1, beta2), steps = settings["betas"], settings["steps"]
    return {
        "rate": settings["lr"] / (1 - beta1**steps),
        "correction": float(1 / np.sqrt(1 - beta2**steps)),
    }


def update(
    settings: Mapping[str, Any], decay: float, w: np.ndarray, dw: np.ndarray, memory: Mapping[str, np.ndarray]
) -> tuple[np.ndarray, dict[str, np.ndarray]] | None:
    """The optimizer's step from before: the new w, and what the optimizer then remembers.

    settings : as `Trace.settings` has them;  decay : weight decay of this parameter
    Returns None for an optimizer that is not the library's.
    """
    rule = {"SGD": _sgd, "Adam": _adam}.get(settings["rule"])
    if rule is None or set(memory) != {"SGD": {"v"}, "Adam": {"m", "v"}}[settings["rule"]]:
        return None
    with np.errstate(all="ignore"):  # what the real step came to is in the difference
        return rule(settings, decay, w, dw, memory)


def _sgd(settings: Any, decay: float, w: np.ndarray, dw: np.ndarray, memory: Any) -> Any:
    rounded = w.dtype.type
    lr, decay, momentum = (np.float64(rounded(value)) for value in (settings["lr"], decay, settings["momentum"]))
    w, dw, v = _wide(w), _wide(dw), memory["v"]
    g = rounded(decay * w + dw)
    if momentum == 0:
        return rounded(w - lr * _wide(g)), {"v": v}
    v = _flushed(rounded(momentum * _wide(v) + _wide(g)))
    step = rounded(momentum * _wide(v) + _wide(g)) if settings["nesterov"] else v
    return rounded(w - lr * _wide(step)), {"v": v}


def _adam(settings: Any, decay: float, w: np.ndarray, dw: np.ndarray, memory: Any) -> Any:
    rounded = w.dtype.type
    (beta1, beta2), factors = settings["betas"], starting_factors(settings)
    scalars = beta1, 1 - beta1, beta2, 1 - beta2, factors["rate"], 1 - settings["lr"] * decay
    a, a_rest, b, b_rest, rate, shrink = (np.float64(rounded(value)) for value in scalars)
    correction, epsilon = (np.float64(rounded(value)) for value in (factors["correction"], settings["epsilon"]))
    w, dw = _wide(w), _wide(dw)
    m = _flushed(rounded(a * _wide(memory["m"]) + _wide(rounded(a_rest * dw))))
    v = rounded(b * _wide(memory["v"]) + _wide(rounded(b_rest * dw)) * dw)
    root = rounded(_wide(rounded(np.sqrt(_wide(v)))) * correction + epsilon)
    step = rounded(_wide(rounded(rate * _wide(m))) / _wide(root))
    return rounded(shrink * w - _wide(step)), {"m": m, "v": v}


def _wide(array: np.ndarray) -> np.ndarray:
    return array.astype(np.float64)


def _flushed(mean: np.ndarray) -> np.ndarray:
    return np.where(np.abs(mean) < flush_threshold(mean.dtype), mean.dtype.type(0), mean)
