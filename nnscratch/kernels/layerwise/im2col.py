"""Convolution as a matrix product: windows -> columns -> product, and back. The version to read.

Fastest for what no other kernel takes, such as a stride, or no ReLU and pooling behind it: 660 times
as fast as loops.py at 96x96, 1 to 2, 5x5; 15,000 times at 47x47, 32 to 64, 2x2.
Measured by `python benchmarks/kernels.py --ladder`, AVX-512.

    columns[(h,w), (i,j,c)] = x[n, h*s+i, w*s+j, c]     "image to columns": a row per window of image n
    y[n]    = columns @ weight + bias                   weight (k_h, k_w, C, O) as (k_h*k_w*C, O)
    dweight = sum over n of columns.T @ dy[n]
    dx[n]   = each row of  dy[n] @ weight.T  added back to its window: "columns to image"

One image at a time, and of a large one some rows of windows at a time: the columns are k_h*k_w times
as large as the image, and those of a whole batch would take gigabytes. Besides x, its padded copy
and the results, a pass holds at most MOST_COLUMNS numbers of columns, or those of one row of windows
if that is more. The blocks depend on the shapes alone, so the bits do not depend on the threads.
Images are (N, H, W, C), so the product's rows already are the pixels of the next layer's input.

A layer runs this by itself: with strides, with other activations or pools, and with
`Sequential(..., fuse=False)`. A convolution with ReLU and 2x2 pooling is faster in image_vectors/
and channel_vectors/, which make no columns at all.

Source: Chellapilla, Puri & Simard, "High Performance Convolutional Neural Networks for Document
Processing" (2006).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from nnscratch.kernels.compiled import njit
from nnscratch.kernels.products.matmul import matmul

Pair = tuple[int, int]

# Numbers of columns at a time: 32 MB of float32. Ordinary images fit as a whole: 224 x 224 x 3 under
# 7 x 7 windows has 7 million.
MOST_COLUMNS = 1 << 23


def output_size(size: int, kernel_size: int, stride: int, padding: int = 0) -> int:
    """Whole windows along one axis: floor((size + 2*padding - kernel_size) / stride) + 1."""
    return (size + 2 * padding - kernel_size) // stride + 1


def im2col(image: np.ndarray, kernel_size: Pair, stride: Pair) -> np.ndarray:
    """columns[(h,w), (i,j,c)] = image[h*s+i, w*s+j, c]

    image (H, W, C), already padded -> columns (H_out*W_out, k_h*k_w*C)

    >>> im2col(np.arange(6).reshape(2, 3, 1), (2, 2), (1, 1))
    array([[0, 1, 3, 4],
           [1, 2, 4, 5]])
    """
    windows = sliding_window_view(image, kernel_size, axis=(0, 1))[:: stride[0], :: stride[1]]  # h w c i j
    h_out, w_out = windows.shape[:2]
    return windows.transpose(0, 1, 3, 4, 2).reshape(h_out * w_out, -1)  # (h w) (i j c)


@njit(nogil=True, cache=True)
def col2im(columns: np.ndarray, stride: Pair, image: np.ndarray) -> None:
    """image[h*s+i, w*s+j, c] += columns[h,w,i,(j,c)]: each number is added where im2col read it.

    columns : (H_out, W_out, k_h, k_w*C);  image : (H, W, C), padding included

    (j,c) is one loop, because the pixels of a window's row are adjacent in memory.
    """
    rows, channels = image.reshape(len(image), -1), image.shape[2]
    h_out, w_out, k_h, run = columns.shape
    for h in range(h_out):
        for w in range(w_out):
            for i in range(k_h):
                for r in range(run):
                    rows[h * stride[0] + i, w * stride[1] * channels + r] += columns[h, w, i, r]


def conv2d_forward(
    x: np.ndarray, weight: np.ndarray, bias: np.ndarray | None, stride: Pair, padding: Pair
) -> np.ndarray:
    """y[n] = columns of x[n] @ weight + bias

    x (N, H, W, C), weight (k_h, k_w, C, O), bias (O,) or None -> y (N, H_out, W_out, O)
    """
    k_h, k_w, _, c_out = weight.shape
    matrix, x = weight.reshape(-1, c_out), _pad(x, padding)
    h_out, w_out = output_size(x.shape[1], k_h, stride[0]), output_size(x.shape[2], k_w, stride[1])
    y = np.empty((len(x), h_out, w_out, c_out), x.dtype)
    for n, first, stop in _blocks(len(x), h_out, w_out * len(matrix)):
        rows = _rows_under(x[n], first, stop, k_h, stride)
        matmul(im2col(rows, (k_h, k_w), stride), matrix, out=y[n, first:stop].reshape(-1, c_out))
    if bias is not None:
        y += bias
    return y


def conv2d_backward_weight(
    x: np.ndarray, dy: np.ndarray, kernel_size: Pair, stride: Pair, padding: Pair
) -> tuple[np.ndarray, np.ndarray]:
    """dweight = sum over n of columns.T @ dy[n],  dbias = sum of dy over images and pixels

    x (N, H, W, C), dy (N, H_out, W_out, O) -> dweight (k_h, k_w, C, O), dbias (O,)

    The columns are made again rather than kept: they would take k_h*k_w times the memory of x.
    """
    x, dy = _pad(x, padding), np.ascontiguousarray(dy)
    (k_h, k_w), c_in, (_, h_out, w_out, c_out) = kernel_size, x.shape[3], dy.shape
    dweight = np.zeros((k_h * k_w * c_in, c_out), x.dtype)
    for n, first, stop in _blocks(len(x), h_out, w_out * len(dweight)):
        rows = _rows_under(x[n], first, stop, k_h, stride)
        dweight += matmul(im2col(rows, kernel_size, stride).T, dy[n, first:stop].reshape(-1, c_out))
    return dweight.reshape(k_h, k_w, c_in, c_out), dy.sum(axis=(0, 1, 2))


def conv2d_backward_input(
    dy: np.ndarray, weight: np.ndarray, input_shape: tuple[int, ...], stride: Pair, padding: Pair
) -> np.ndarray:
    """dcolumns = dy[n] @ weight.T, each row added back to its window of dx[n]

    dy (N, H_out, W_out, O), weight (k_h, k_w, C, O), input_shape (N, H, W, C) -> dx (N, H, W, C)
    """
    dy = np.ascontiguousarray(dy)
    _, h_out, w_out, c_out = dy.shape
    (n_images, height, width, c_in), (p_h, p_w) = input_shape, padding
    matrix = weight.reshape(-1, c_out)
    dx = np.zeros((n_images, height + 2 * p_h, width + 2 * p_w, c_in), dy.dtype)
    for n, first, stop in _blocks(n_images, h_out, w_out * len(matrix)):
        dcolumns = matmul(dy[n, first:stop].reshape(-1, c_out), matrix.T)
        rows = _rows_under(dx[n], first, stop, len(weight), stride)
        col2im(dcolumns.reshape(stop - first, w_out, len(weight), -1), stride, rows)
        del dcolumns  # before the next ones are made
    return dx[:, p_h : p_h + height, p_w : p_w + width]


def _blocks(images: int, rows: int, numbers_per_row: int) -> Iterator[tuple[int, int, int]]:
    """(image, first, stop): all rows of windows of all images, as many at a time as MOST_COLUMNS allows."""
    step = max(1, MOST_COLUMNS // max(1, numbers_per_row))
    for n in range(images):
        for first in range(0, rows, step):
            yield n, first, min(first + step, rows)


def _rows_under(image: np.ndarray, first: int, stop: int, k_h: int, stride: Pair) -> np.ndarray:
    """The rows of an image (H, W, C) that lie under the rows of windows first..stop: a view."""
    return image[first * stride[0] : (stop - 1) * stride[0] + k_h]


def _pad(x: np.ndarray, padding: Pair) -> np.ndarray:
    """x with zeros around each image, in contiguous memory."""
    p_h, p_w = padding
    return np.ascontiguousarray(x) if padding == (0, 0) else np.pad(x, ((0, 0), (p_h, p_h), (p_w, p_w), (0, 0)))
