"""Pooling, plainly: the largest or the mean of each window.

Max pooling also keeps the place of the largest in its window, for the gradient.
"""

from __future__ import annotations

import numpy as np

from nnscratch.kernels.compiled import njit
from nnscratch.kernels.layerwise.im2col import Pair, output_size


def max_pool2d_forward(x: np.ndarray, pool_size: Pair, stride: Pair) -> tuple[np.ndarray, np.ndarray]:
    """x (N, H, W, C) -> y and argmax, both (N, H_out, W_out, C).

    argmax is uint8, or int32 for windows of more than 256 places.
    """
    n_images, height, width, channels = x.shape
    h_out, w_out = output_size(height, pool_size[0], stride[0]), output_size(width, pool_size[1], stride[1])
    y = np.empty((n_images, h_out, w_out, channels), x.dtype)
    argmax = np.empty(y.shape, np.uint8 if pool_size[0] * pool_size[1] <= 256 else np.int32)
    _largest(np.ascontiguousarray(x), pool_size, stride, y, argmax)
    return y, argmax


def max_pool2d_backward(
    dy: np.ndarray, argmax: np.ndarray, input_shape: tuple[int, ...], pool_size: Pair, stride: Pair
) -> np.ndarray:
    """dy, argmax (N, H_out, W_out, C), input_shape (N, H, W, C) -> dx (N, H, W, C)"""
    dx = np.zeros(input_shape, dy.dtype)
    _to_winners(np.ascontiguousarray(dy), argmax, pool_size, stride, dx)
    return dx


def average_pool2d_forward(x: np.ndarray, pool_size: Pair, stride: Pair) -> np.ndarray:
    """x (N, H, W, C) -> y (N, H_out, W_out, C)"""
    n_images, height, width, channels = x.shape
    h_out, w_out = output_size(height, pool_size[0], stride[0]), output_size(width, pool_size[1], stride[1])
    y = np.zeros((n_images, h_out, w_out, channels), x.dtype)
    _average(np.ascontiguousarray(x), pool_size, stride, y)
    return y


def average_pool2d_backward(dy: np.ndarray, input_shape: tuple[int, ...], pool_size: Pair, stride: Pair) -> np.ndarray:
    """dy (N, H_out, W_out, C), input_shape (N, H, W, C) -> dx (N, H, W, C)"""
    dx = np.zeros(input_shape, dy.dtype)
    _spread(np.ascontiguousarray(dy), pool_size, stride, dx)
    return dx


@njit(nogil=True, cache=True)
def _largest(x: np.ndarray, pool_size: Pair, stride: Pair, y: np.ndarray, argmax: np.ndarray) -> None:
    """y[n,h,w,c] = max over i,j of x[n, h*s+i, w*s+j, c];  argmax = i*pool_w + j, the first maximum's

    x (N, H, W, C); y, argmax (N, H_out, W_out, C), overwritten
    """
    (pool_h, pool_w), (s_h, s_w) = pool_size, stride
    n_images, h_out, w_out, channels = y.shape
    for n in range(n_images):
        for h in range(h_out):
            for w in range(w_out):
                # Channels innermost, as in memory: each place of the window is one pass over them.
                for c in range(channels):
                    y[n, h, w, c] = x[n, h * s_h, w * s_w, c]
                    argmax[n, h, w, c] = 0
                for place in range(1, pool_h * pool_w):
                    row, column = h * s_h + place // pool_w, w * s_w + place % pool_w
                    for c in range(channels):
                        value = x[n, row, column, c]
                        if value > y[n, h, w, c] or value != value:  # NaN wins: it must show in y
                            y[n, h, w, c] = value
                            argmax[n, h, w, c] = place


@njit(nogil=True, cache=True)
def _to_winners(dy: np.ndarray, argmax: np.ndarray, pool_size: Pair, stride: Pair, dx: np.ndarray) -> None:
    """dx at the place of each window's maximum += that window's dy; windows that overlap add up.

    dy, argmax (N, H_out, W_out, C); dx (N, H, W, C)
    """
    _, pool_w = pool_size
    n_images, h_out, w_out, channels = dy.shape
    for n in range(n_images):
        for h in range(h_out):
            for w in range(w_out):
                for c in range(channels):
                    # Signed before the arithmetic: NumPy's and Numba's rules for uint8 with int64
                    # differ.
                    place = np.int64(argmax[n, h, w, c])
                    dx[n, h * stride[0] + place // pool_w, w * stride[1] + place % pool_w, c] += dy[n, h, w, c]


@njit(nogil=True, cache=True)
def _average(x: np.ndarray, pool_size: Pair, stride: Pair, y: np.ndarray) -> None:
    """y[n,h,w,c] = 1/K * sum over i,j of x[n, h*s+i, w*s+j, c], K places in a window

    x (N, H, W, C); y (N, H_out, W_out, C), of zeros
    """
    (pool_h, pool_w), (s_h, s_w) = pool_size, stride
    n_images, h_out, w_out, channels = y.shape
    places = x.dtype.type(pool_h * pool_w)
    for n in range(n_images):
        for h in range(h_out):
            for w in range(w_out):
                for i in range(pool_h):
                    for j in range(pool_w):
                        # Channels innermost, as in memory: each place of the window is one pass over them.
                        for c in range(channels):
                            y[n, h, w, c] += x[n, h * s_h + i, w * s_w + j, c]
                for c in range(channels):
                    y[n, h, w, c] /= places


@njit(nogil=True, cache=True)
def _spread(dy: np.ndarray, pool_size: Pair, stride: Pair, dx: np.ndarray) -> None:
    """dx at each place of a window += that window's dy / K; windows that overlap add up.

    dy (N, H_out, W_out, C); dx (N, H, W, C), of zeros
    """
    (pool_h, pool_w), (s_h, s_w) = pool_size, stride
    n_images, h_out, w_out, channels = dy.shape
    places = dy.dtype.type(pool_h * pool_w)
    for n in range(n_images):
        for h in range(h_out):
            for w in range(w_out):
                for i in range(pool_h):
                    for j in range(pool_w):
                        for c in range(channels):
                            dx[n, h * s_h + i, w * s_w + j, c] += dy[n, h, w, c] / places
