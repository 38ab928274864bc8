"""Max pooling: the largest of each window, and its place in the window for the way back."""

from __future__ import annotations

import numpy as np
from numba import njit

from nnscratch.kernels.layerwise.im2col import Pair, output_size
from nnscratch.kernels.threads import in_blocks

_IMAGES_A_BLOCK = 4


@njit(nogil=True, cache=True)
def _forward(
    x: np.ndarray, pool_h: int, pool_w: int, stride_h: int, stride_w: int, y: np.ndarray, argmax: np.ndarray
) -> None:
    """y[n,h,w,c] = max over i,j of x[n, h*s+i, w*s+j, c];  argmax = i*pool_w + j of the first maximum

    x (N, H, W, C); y, argmax (N, H_out, W_out, C), overwritten
    """
    n_images, h_out, w_out, channels = y.shape
    for n in range(n_images):
        for h in range(h_out):
            for w in range(w_out):
                # Channels innermost, as in memory: each window position is one pass over a run of them.
                for c in range(channels):
                    y[n, h, w, c] = x[n, h * stride_h, w * stride_w, c]
                    argmax[n, h, w, c] = 0
                for position in range(1, pool_h * pool_w):
                    row, column = h * stride_h + position // pool_w, w * stride_w + position % pool_w
                    for c in range(channels):
                        value = x[n, row, column, c]
                        if value > y[n, h, w, c]:
                            y[n, h, w, c] = value
                            argmax[n, h, w, c] = position


@njit(nogil=True, cache=True)
def _backward(dy: np.ndarray, argmax: np.ndarray, pool_w: int, stride_h: int, stride_w: int, dx: np.ndarray) -> None:
    """dx at the place of each window's maximum gets that window's dy; windows that overlap add up.

    dy, argmax (N, H_out, W_out, C); dx (N, H, W, C), overwritten
    """
    n_images, h_out, w_out, channels = dy.shape
    dx[:] = 0
    for n in range(n_images):
        for h in range(h_out):
            for w in range(w_out):
                for c in range(channels):
                    # Signed before the arithmetic: NumPy's and Numba's rules for uint8 with int64 differ.
                    position = np.int64(argmax[n, h, w, c])
                    row, column = h * stride_h + position // pool_w, w * stride_w + position % pool_w
                    dx[n, row, column, c] += dy[n, h, w, c]


def max_pool2d_forward(x: np.ndarray, pool_size: Pair, stride: Pair) -> tuple[np.ndarray, np.ndarray]:
    """x (N, H, W, C) -> y (N, H_out, W_out, C) and argmax, the same shape: uint8, int32 for windows over 256."""
    x = np.ascontiguousarray(x)
    n_images, height, width, channels = x.shape
    shape = (
        n_images,
        output_size(height, pool_size[0], stride[0]),
        output_size(width, pool_size[1], stride[1]),
        channels,
    )
    y = np.empty(shape, x.dtype)
    argmax = np.empty(shape, np.uint8 if pool_size[0] * pool_size[1] <= 256 else np.int32)
    in_blocks(
        lambda start, stop: _forward(x[start:stop], *pool_size, *stride, y[start:stop], argmax[start:stop]),
        n_images,
        _IMAGES_A_BLOCK,
    )
    return y, argmax


def max_pool2d_backward(
    dy: np.ndarray, argmax: np.ndarray, input_shape: tuple[int, ...], pool_size: Pair, stride: Pair
) -> np.ndarray:
    """dy, argmax (N, H_out, W_out, C), input_shape (N, H, W, C) -> dx (N, H, W, C)"""
    dy = np.ascontiguousarray(dy)
    dx = np.empty(input_shape, dy.dtype)
    in_blocks(
        lambda start, stop: _backward(dy[start:stop], argmax[start:stop], pool_size[1], *stride, dx[start:stop]),
        len(dy),
        _IMAGES_A_BLOCK,
    )
    return dx
