"""What is done to each number by itself, several such things in one pass: bias, ReLU, dropout's mask."""

from __future__ import annotations

import numpy as np


def bias_relu_mask(y: np.ndarray, bias: np.ndarray | None, rectified: bool, mask: np.ndarray | None) -> None:
    """y <- mask * max(y + bias, 0), in place; each of the three is optional.

    y, mask (N, n_out), bias (n_out,)
    """
    if bias is not None:
        y += bias
    if rectified:
        np.maximum(y, 0, out=y)
    if mask is not None:
        y *= mask


def relu_mask_backward(dy: np.ndarray, y: np.ndarray, rectified: bool, mask: np.ndarray | None, dz: np.ndarray) -> None:
    """dz <- dy * mask where y > 0, else 0.

    dy, y, mask, dz (N, n_out); y is what bias_relu_mask left, so it is 0 both where ReLU and where the mask made it so
    """
    if mask is None:
        np.copyto(dz, dy)
    else:
        np.multiply(dy, mask, out=dz)
    if rectified:
        dz *= y > 0
