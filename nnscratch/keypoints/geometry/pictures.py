"""The check of pictures before they are cropped or augmented: the kernels check nothing."""

from __future__ import annotations

import numpy as np

from nnscratch.checks import check_array


def check_pictures(where: str, x: np.ndarray, size: tuple[int, int] | None = None) -> None:
    """Stops an x that is not grey pictures (N, H, W, 1) in float32, of at least 1 x 1 pixels.

    size : the H and W that they must have; None for any

    Raises
        ValueError : says what came

    >>> check_pictures("crops", np.zeros((2, 96, 96)))
    Traceback (most recent call last):
    ValueError: crops: got x of dtype float64, shape (2, 96, 96), expected float32,
    (N, H, W, 1), H and W from 1 up; use x.astype(np.float32) of pictures with that shape
    """
    check_array(where, "x", x)
    height, width = size or ("H", "W")
    grey = x.ndim == 4 and x.dtype == np.float32 and x.shape[3] == 1 and min(x.shape[1:3]) > 0
    if grey and size in (None, x.shape[1:3]):
        return
    least = ", H and W from 1 up" if size is None else ""
    raise ValueError(
        f"{where}: got x of dtype {x.dtype}, shape {x.shape}, expected float32, (N, {height}, {width}, 1){least}; use "
        "x.astype(np.float32) of pictures with that shape"
    )
