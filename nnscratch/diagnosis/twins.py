"""Units of one layer that have the same weights: they compute the same, and stay alike."""

from __future__ import annotations

import numpy as np


def share_of_twins(weight: np.ndarray, bias: np.ndarray | None = None) -> float:
    """Share of units, 0..1, with the weights and bias of another unit, to 1e-5 of their size.

    weight : (..., units); bias : (units,). 0 if a weight is not finite or too large to be compared.

    Units are compared by one number each, the same random mixture of their weights, so that sorting
    is enough.

    >>> round(share_of_twins(np.array([[1.0, 2.0, 1.0], [4.0, 5.0, 4.0]])), 2)
    0.67
    """
    weight = weight.reshape(-1, weight.shape[-1])
    if weight.shape[1] < 2 or not np.isfinite(weight).all():
        return 0.0
    with np.errstate(over="ignore"):
        norm = np.linalg.norm(weight, axis=0).astype(np.float64)
    if not np.isfinite(norm).all():
        return 0.0
    rng = np.random.default_rng(0)
    mixed = (rng.standard_normal(len(weight)).astype(weight.dtype) @ weight).astype(np.float64)
    if bias is not None:
        mixed = mixed + rng.standard_normal() * bias
    order = np.argsort(mixed)
    # Rounding makes equal weights differ by 1e-7 of their size. Different ones come as near as this
    # by chance in a few of a thousand units.
    same = np.diff(mixed[order]) <= 1e-5 * np.minimum(norm[order][1:], norm[order][:-1])
    twin = np.zeros(len(order), bool)
    twin[1:] |= same
    twin[:-1] |= same
    return float(twin.mean())
