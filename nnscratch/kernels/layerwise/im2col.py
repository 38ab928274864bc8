"""Convolution as a matrix product: every window of the image becomes a row, and one GEMM does the arithmetic.

    columns[(n,h,w), (i,j,c)] = x[n, h*s+i, w*s+j, c]         "image to columns"
    y = columns @ weight + bias                               weight (k_h, k_w, C, O) read as (k_h*k_w*C, O)
    dweight = columns.T @ dy,   dcolumns = dy @ weight.T,   dx = each dcolumns added back to where it came from

The columns are k_h*k_w times as large as the image, so they are made for a few images at a time: small enough to stay
in the core's second-level cache until the GEMM has read them. Images are (N, H, W, C): a row of a window is a run of
contiguous memory, and the GEMM's output already is the next layer's input.

Source: Chellapilla, Puri & Simard, "High Performance Convolutional Neural Networks for Document Processing" (2006).
"""

from __future__ import annotations

import numpy as np
from numba import njit, uint64

from nnscratch.kernels.threads import in_blocks, single_threaded_blas

Pair = tuple[int, int]

# Bytes of columns that a block may take: the L2 cache of today's cores is 0.5 to 2 MB, and output rows share it.
_COLUMN_BYTES = 1 << 20
# Runs of memory from this length on are copied a vector at a time, shorter ones number by number. Indices into runs are
# uint64: a signed one would be tested for Python's negative indices, and that test keeps a loop from being vectorised.
_SHORT_RUN = 16
# dweight is summed in this many partial sums, whatever the threads, so that its bits do not depend on them.
_PARTIAL_SUMS = 8


def output_size(size: int, kernel_size: int, stride: int, padding: int = 0) -> int:
    """The number of whole windows along one axis: floor((size + 2*padding - kernel_size) / stride) + 1."""
    return (size + 2 * padding - kernel_size) // stride + 1


@njit(nogil=True, cache=True)
def _run_length(offsets: np.ndarray) -> np.uint64:
    """The number of offsets that follow each other in memory from the first one on; a window is runs of this length."""
    run = np.uint64(1)
    while run < len(offsets) and offsets[run] == offsets[0] + np.int64(run):
        run += np.uint64(1)
    return run


@njit(nogil=True, cache=True)
def im2col(x: np.ndarray, starts: np.ndarray, offsets: np.ndarray, columns: np.ndarray) -> None:
    """columns[p,k] = x[starts[p] + offsets[k]]:  one row for each window p, one number for each place k in it

    x       : flat, the memory of (n, H, W, C), already padded
    starts  : (P,), where in x each window begins; P = n * H_out * W_out
    offsets : (K,), from a window's beginning to each of its numbers; K = k_h * k_w * C
    columns : (P, K), overwritten
    """
    run = _run_length(offsets)
    for p in range(uint64(columns.shape[0])):
        if run < _SHORT_RUN:
            for k in range(columns.shape[1]):
                columns[p, k] = x[starts[p] + offsets[k]]
        else:
            for first in range(uint64(0), uint64(columns.shape[1]), run):
                source = uint64(starts[p] + offsets[first])
                for k in range(run):
                    columns[p, first + k] = x[source + k]


@njit(nogil=True, cache=True)
def col2im(columns: np.ndarray, starts: np.ndarray, offsets: np.ndarray, x: np.ndarray) -> None:
    """x[starts[p] + offsets[k]] += columns[p,k]:  every number goes back to where im2col took it from

    columns, starts, offsets : as for im2col
    x : flat, the memory of (n, H, W, C), padding included; overwritten
    """
    x[:] = 0
    run = _run_length(offsets)
    for p in range(uint64(columns.shape[0])):
        if run < _SHORT_RUN:
            for k in range(columns.shape[1]):
                x[starts[p] + offsets[k]] += columns[p, k]
        else:
            for first in range(uint64(0), uint64(columns.shape[1]), run):
                to = uint64(starts[p] + offsets[first])
                for k in range(run):
                    x[to + k] += columns[p, first + k]


def windows(shape: tuple[int, ...], kernel_size: Pair, stride: Pair) -> tuple[np.ndarray, np.ndarray]:
    """The `starts` and `offsets` of im2col for padded images of `shape`, (n, H, W, C).

    starts[(n,h,w)] = ((n*H + h*s)*W + w*s) * C,    offsets[(i,j,c)] = (i*W + j)*C + c

    >>> starts, offsets = windows((1, 3, 4, 1), (2, 2), (1, 1))
    >>> starts, offsets
    (array([0, 1, 2, 4, 5, 6]), array([0, 1, 4, 5]))
    """
    n, height, width, channels = shape
    place = np.arange(n * height * width * channels).reshape(shape)
    (k_h, k_w), (s_h, s_w) = kernel_size, stride
    starts = place[:, : height - k_h + 1 : s_h, : width - k_w + 1 : s_w, 0]
    return starts.ravel(), place[:1, :k_h, :k_w].ravel()


def conv2d_forward(
    x: np.ndarray, weight: np.ndarray, bias: np.ndarray | None, stride: Pair, padding: Pair
) -> np.ndarray:
    """y = columns @ weight + bias, block by block.

    x (N, H, W, C), weight (k_h, k_w, C, O), bias (O,) or None -> y (N, H_out, W_out, O)
    """
    k_h, k_w, _, c_out = weight.shape
    x = _pad(x, padding)
    h_out, w_out = output_size(x.shape[1], k_h, stride[0]), output_size(x.shape[2], k_w, stride[1])
    y = np.empty((len(x), h_out, w_out, c_out), x.dtype)
    matrix = weight.reshape(-1, c_out)
    images = _images_a_block(h_out * w_out * matrix[:, 0].nbytes)
    starts, offsets = windows((images, *x.shape[1:]), (k_h, k_w), stride)

    def block(start: int, stop: int) -> None:
        rows = y[start:stop].reshape(-1, c_out)
        columns = np.empty((len(rows), len(offsets)), x.dtype)
        im2col(x[start:stop].reshape(-1), starts, offsets, columns)
        np.matmul(columns, matrix, out=rows)
        if bias is not None:
            rows += bias

    with single_threaded_blas():
        in_blocks(block, len(x), images)
    return y


def conv2d_backward_weight(
    x: np.ndarray, dy: np.ndarray, kernel_size: Pair, stride: Pair, padding: Pair
) -> tuple[np.ndarray, np.ndarray]:
    """dweight = columns.T @ dy,  dbias = sum of dy over images and positions

    x (N, H, W, C), dy (N, H_out, W_out, O) -> dweight (k_h, k_w, C, O), dbias (O,)
    The columns are built again rather than kept: reading x twice costs less than keeping k_h*k_w copies of it.
    """
    x, dy = _pad(x, padding), np.ascontiguousarray(dy)
    n_images, h_out, w_out, c_out = dy.shape
    (k_h, k_w), c_in = kernel_size, x.shape[3]
    k = k_h * k_w * c_in
    images = _images_a_block(h_out * w_out * k * x.itemsize)
    starts, offsets = windows((images, *x.shape[1:]), kernel_size, stride)
    dweight = np.zeros((_PARTIAL_SUMS, k, c_out), x.dtype)
    dbias = np.zeros((_PARTIAL_SUMS, c_out), x.dtype)
    share = -(-n_images // _PARTIAL_SUMS) or 1

    def partial_sum(first: int, last: int) -> None:
        part = first // share
        for start in range(first, last, images):
            stop = min(start + images, last)
            rows = dy[start:stop].reshape(-1, c_out)
            columns = np.empty((len(rows), k), x.dtype)
            im2col(x[start:stop].reshape(-1), starts, offsets, columns)
            dweight[part] += columns.T @ rows
            dbias[part] += rows.sum(axis=0)

    with single_threaded_blas():
        in_blocks(partial_sum, n_images, share)
    return dweight.sum(axis=0).reshape(k_h, k_w, c_in, c_out), dbias.sum(axis=0)


def conv2d_backward_input(
    dy: np.ndarray, weight: np.ndarray, input_shape: tuple[int, ...], stride: Pair, padding: Pair
) -> np.ndarray:
    """dcolumns = dy @ weight.T, then each added back to where im2col took it from.

    dy (N, H_out, W_out, O), weight (k_h, k_w, C, O), input_shape (N, H, W, C) -> dx (N, H, W, C)
    """
    dy = np.ascontiguousarray(dy)
    n_images, h_out, w_out, c_out = dy.shape
    k_h, k_w, c_in, _ = weight.shape
    _, height, width, _ = input_shape
    dx = np.empty((n_images, height + 2 * padding[0], width + 2 * padding[1], c_in), dy.dtype)
    matrix = weight.reshape(-1, c_out)
    images = _images_a_block(h_out * w_out * matrix[:, 0].nbytes)
    starts, offsets = windows((images, *dx.shape[1:]), (k_h, k_w), stride)

    def block(start: int, stop: int) -> None:
        dcolumns = dy[start:stop].reshape(-1, c_out) @ matrix.T
        col2im(dcolumns, starts, offsets, dx[start:stop].reshape(-1))

    with single_threaded_blas():
        in_blocks(block, n_images, images)
    return dx[:, padding[0] : padding[0] + height, padding[1] : padding[1] + width]


def _images_a_block(column_bytes_an_image: int) -> int:
    return max(1, _COLUMN_BYTES // max(1, column_bytes_an_image))


def _pad(x: np.ndarray, padding: Pair) -> np.ndarray:
    """x with zeros around it, in contiguous memory; x itself if it needs neither."""
    if padding == (0, 0):
        return np.ascontiguousarray(x)
    (p_h, p_w), (n, height, width, channels) = padding, x.shape
    padded = np.zeros((n, height + 2 * p_h, width + 2 * p_w, channels), x.dtype)
    padded[:, p_h : p_h + height, p_w : p_w + width] = x
    return padded
