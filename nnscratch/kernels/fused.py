"""Convolution, bias, ReLU and 2x2 max pooling in one go: the full-resolution activation never reaches main memory.

    z[n,h,w,o] = bias[o] + sum over i,j,c of x[n, h+i-p, w+j-p, c] * weight[i,j,c,o]       stride 1
    y[n,h,w,o] = max(0, z[n,2h,2w,o], z[n,2h,2w+1,o], z[n,2h+1,2w,o], z[n,2h+1,2w+1,o])   windows of 2x2, stride 2
    argmax     = which of the four it was, 0 to 3 in reading order, the first on a tie; 4 where y is the 0 of the ReLU

A few pooled rows at a time become columns (see im2col.py), one GEMM, and one pass that reads four rows of its result
and writes a pooled one. The columns and the result stay in the core's second-level cache. A last odd row or column of
z has no pooling window and is not computed. The way back is in fused_backward.py.

Source: Chellapilla, Puri & Simard, "High Performance Convolutional Neural Networks for Document Processing" (2006),
for the columns.
"""

from __future__ import annotations

import numpy as np
from numba import njit, uint64

from nnscratch.kernels.im2col import Pair, output_size
from nnscratch.kernels.memory import Scratch
from nnscratch.kernels.threads import in_blocks

SHUT = 4  # argmax of a window whose maximum the ReLU turned into 0: no gradient goes back
# Of the second-level cache (1 to 2 MB a core): the columns and as many bytes again of results and weights must fit.
_COLUMN_BYTES = 1 << 19

# "contract" allows a*b + c in one rounding; nothing is reordered and NaN stays NaN. Indices are uint64 throughout: a
# signed one would have to be tested for Python's negative indices, and that test keeps loops from being vectorised.
_compiled = njit(nogil=True, cache=True, fastmath={"contract"}, error_model="numpy")


def pooled_size(size: int, kernel_size: int, padding: int = 0) -> int:
    """The length of one axis after the convolution (stride 1) and the pooling (2, stride 2)."""
    return output_size(size, kernel_size, 1, padding) // 2


def conv_pool_forward(
    x: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None,
    padding: Pair,
    y: np.ndarray,
    argmax: np.ndarray,
    scratch: Scratch,
) -> None:
    """y = max_pool(relu(columns @ weight + bias)), a few pooled rows at a time.

    x      : (N, H, W, C), read as it is if contiguous, copied first if not
    weight : (k_h, k_w, C, O);  bias : (O,) or None;  padding : zeros above and below, left and right
    y      : (N, H_p, W_p, O), contiguous, overwritten; H_p, W_p = pooled_size of each axis
    argmax : the same shape, uint8, contiguous, overwritten: 0 to 3, the winner's row*2 + column; SHUT where y is 0
    A NaN among the four wins, so that it shows in y.
    """
    n_images, h_pooled, w_pooled, c_out = y.shape
    sizes = (x.shape[1:3], weight.shape[:2], padding, (h_pooled, w_pooled))
    image = np.ascontiguousarray(x).reshape(-1)
    matrix = np.ascontiguousarray(weight).reshape(-1, c_out)
    added = np.zeros(c_out, x.dtype) if bias is None else bias
    y_rows, argmax_rows = _rows_of(y, "y"), _rows_of(argmax, "argmax")
    bytes_a_row = 4 * w_pooled * len(matrix) * x.itemsize
    rows_a_block = max(1, _COLUMN_BYTES // max(1, bytes_a_row))

    def block(first: int, stop: int) -> None:
        columns = scratch.get("columns", ((stop - first) * 4 * w_pooled, len(matrix)), x.dtype)
        z = scratch.get("z", (len(columns), c_out), x.dtype)
        _columns(image, *sizes, first, stop, columns)
        np.matmul(columns, matrix, out=z)
        places = slice(first * w_pooled, stop * w_pooled)
        _relu_pool(z.reshape(-1), added, w_pooled, y_rows[places], argmax_rows[places])

    in_blocks(block, n_images * h_pooled if w_pooled else 0, rows_a_block)


@_compiled
def _columns(
    x: np.ndarray,
    size: Pair,
    kernel_size: Pair,
    padding: Pair,
    pooled: Pair,
    first: int,
    stop: int,
    columns: np.ndarray,
) -> None:
    """columns[(r,a,w), (i,j,c)] = x[n, 2h+a+i-p_h, w+j-p_w, c],  r = n*H_p + h;  0 outside of x

    x       : flat, the memory of (N, H, W, C);  size : (H, W);  pooled : (H_p, W_p)
    columns : ((stop-first) * 2 * 2*W_p, k_h*k_w*C), overwritten: pooled rows r from first to stop, a = 0, 1
    """
    (height, width), (k_h, k_w), (p_h, p_w), (h_pooled, w_pooled) = size, kernel_size, padding, pooled
    c_in = columns.shape[1] // (k_h * k_w)
    run, pixel, row = uint64(k_w * c_in), uint64(c_in), uint64(columns.shape[1])
    flat = columns.reshape(-1)
    for m in range(2 * (stop - first)):
        n, image_h = (first + m // 2) // h_pooled, 2 * ((first + m // 2) % h_pooled) + m % 2 - p_h
        for i in range(k_h):
            at = uint64(m * 2 * w_pooled) * row + uint64(i) * run
            source = uint64(((n * height + image_h + i) * width - p_w) * c_in)
            row_inside = 0 <= image_h + i < height
            for w in range(2 * w_pooled):
                if row_inside and p_w <= w <= width + p_w - k_w:
                    # One contiguous run, a vector at a time: the time goes into reading x from main memory.
                    for k in range(run):
                        flat[at + k] = x[source + k]
                else:
                    for j in range(k_w):
                        inside = row_inside and p_w <= w + j < width + p_w
                        for k in range(uint64(j) * pixel, uint64(j + 1) * pixel):
                            flat[at + k] = x[source + k] if inside else 0
                at += row
                source += pixel


@_compiled
def _relu_pool(z: np.ndarray, bias: np.ndarray, w_pooled: int, y: np.ndarray, argmax: np.ndarray) -> None:
    """y[r,w,o] = max(0, the four z of its window, each + bias[o]);  argmax = the first that is as large, or SHUT

    z : flat, the memory of (R, 2, W_p, 2, O): R pooled rows of two rows each;  y, argmax : (R*W_p, O), overwritten
    """
    c_out = uint64(len(bias))
    row = uint64(2 * w_pooled) * c_out
    z0 = uint64(0)
    for p in range(len(y)):
        if p % w_pooled == 0 and p > 0:
            z0 += row  # the lower of the two rows has been read with the upper one
        z1, z2, z3 = z0 + c_out, z0 + row, z0 + row + c_out
        # Channels innermost, as in memory: four runs read, one written, and selections instead of branches.
        for o in range(c_out):
            best, place = z[z0 + o] + bias[o], np.uint8(0)
            value = z[z1 + o] + bias[o]
            wins = (value > best) | (value != value)
            best, place = (value if wins else best), (np.uint8(1) if wins else place)
            value = z[z2 + o] + bias[o]
            wins = (value > best) | (value != value)
            best, place = (value if wins else best), (np.uint8(2) if wins else place)
            value = z[z3 + o] + bias[o]
            wins = (value > best) | (value != value)
            best, place = (value if wins else best), (np.uint8(3) if wins else place)
            shut = best <= 0
            y[p, o] = 0 if shut else best
            argmax[p, o] = np.uint8(SHUT) if shut else place
        z0 += c_out + c_out


def _rows_of(array: np.ndarray, name: str) -> np.ndarray:
    """The array as rows of channels, the same memory."""
    if not array.flags.c_contiguous:
        raise ValueError(f"conv_pool: {name}, strides {array.strides}, is not contiguous; pass np.empty of its shape")
    return array.reshape(-1, array.shape[-1])
