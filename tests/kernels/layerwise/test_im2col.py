"""im2col convolution against the textbook loops, on every odd geometry."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from nnscratch.kernels import loops
from nnscratch.kernels.layerwise import im2col
from nnscratch.kernels.threads import set_threads

# (image shape, c_out, kernel size, stride, padding)
CASES = [
    ((1, 1, 1, 1), 1, (1, 1), (1, 1), (0, 0)),
    ((2, 7, 5, 3), 4, (3, 3), (1, 1), (0, 0)),
    ((1, 7, 5, 3), 4, (3, 2), (2, 1), (0, 0)),
    ((3, 6, 9, 2), 5, (2, 4), (3, 2), (0, 0)),  # rows and columns left over behind the last window
    ((9, 5, 5, 1), 2, (5, 5), (1, 1), (0, 0)),  # one window; more images than partial sums
    ((2, 4, 5, 2), 3, (3, 3), (1, 1), (1, 1)),
    ((2, 4, 5, 2), 3, (3, 4), (2, 3), (2, 1)),
    ((2, 2, 2, 1), 1, (4, 4), (1, 1), (1, 1)),  # a window larger than the image
    ((0, 4, 4, 2), 3, (3, 3), (1, 1), (0, 0)),  # no image at all
]
IDS = [f"{shape} to {c_out}, kernel {k}, stride {s}, padding {p}" for shape, c_out, k, s, p in CASES]


def arrays(shape: tuple[int, ...], c_out: int, kernel_size: tuple[int, int], dtype: type) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(1)
    x = rng.standard_normal(shape).astype(dtype)
    weight = rng.standard_normal((*kernel_size, shape[3], c_out)).astype(dtype)
    return x, weight, rng.standard_normal(c_out).astype(dtype)


@pytest.mark.parametrize(("shape", "c_out", "kernel_size", "stride", "padding"), CASES, ids=IDS)
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 2e-5)])
def test_equal_to_the_loops(shape, c_out, kernel_size, stride, padding, dtype, tolerance) -> None:
    x, weight, bias = arrays(shape, c_out, kernel_size, dtype)
    y = im2col.conv2d_forward(x, weight, bias, stride, padding)
    assert y.dtype == dtype
    np.testing.assert_allclose(
        y, loops.conv2d_forward(x, weight, bias, stride, padding), rtol=tolerance, atol=tolerance
    )
    dy = np.random.default_rng(2).standard_normal(y.shape).astype(dtype)
    dx, dweight, dbias = loops.conv2d_backward(x, weight, dy, stride, padding)
    close = {"rtol": tolerance, "atol": tolerance * 10}
    got_dweight, got_dbias = im2col.conv2d_backward_weight(x, dy, kernel_size, stride, padding)
    np.testing.assert_allclose(got_dweight, dweight, **close)
    np.testing.assert_allclose(got_dbias, dbias, **close)
    got_dx = im2col.conv2d_backward_input(dy, weight, x.shape, stride, padding)
    np.testing.assert_allclose(got_dx, dx, **close)
    assert {got_dx.dtype, got_dweight.dtype, got_dbias.dtype} == {np.dtype(dtype)}


@pytest.mark.parametrize("padding", [(0, 0), (1, 2)])
def test_non_contiguous_arrays_give_the_same_bits(padding: tuple[int, int]) -> None:
    x, weight, bias = arrays((3, 8, 7, 2), 3, (3, 2), np.float64)
    strided = np.repeat(np.repeat(x, 2, axis=0), 2, axis=2)[::2, :, ::2]
    assert not strided.flags.c_contiguous
    y = im2col.conv2d_forward(x, weight, bias, (1, 1), padding)
    np.testing.assert_array_equal(im2col.conv2d_forward(strided, weight, bias, (1, 1), padding), y)
    transposed_dy = np.asfortranarray(y)
    for a, b in zip(
        im2col.conv2d_backward_weight(strided, transposed_dy, (3, 2), (1, 1), padding),
        im2col.conv2d_backward_weight(x, y, (3, 2), (1, 1), padding),
        strict=True,
    ):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(
        im2col.conv2d_backward_input(transposed_dy, weight, x.shape, (1, 1), padding),
        im2col.conv2d_backward_input(y, weight, x.shape, (1, 1), padding),
    )


def test_without_bias() -> None:
    x, weight, _ = arrays((2, 5, 5, 2), 3, (2, 2), np.float64)
    np.testing.assert_allclose(
        im2col.conv2d_forward(x, weight, None, (1, 1), (0, 0)), loops.conv2d_forward(x, weight, None, (1, 1), (0, 0))
    )


@pytest.mark.parametrize("images", [1, 8, 9, 65])
def test_several_blocks_and_partial_sums(images: int) -> None:
    """Large enough that a block holds a few images only, with a smaller last one."""
    x, weight, bias = arrays((images, 20, 21, 8), 2, (5, 5), np.float64)
    windows = np.lib.stride_tricks.sliding_window_view(x, (5, 5), axis=(1, 2))  # (N, H_out, W_out, C, i, j)
    y = im2col.conv2d_forward(x, weight, bias, (1, 1), (0, 0))
    np.testing.assert_allclose(y, np.einsum("nhwcij,ijco->nhwo", windows, weight) + bias, rtol=1e-11, atol=1e-11)
    dweight, dbias = im2col.conv2d_backward_weight(x, y, (5, 5), (1, 1), (0, 0))
    np.testing.assert_allclose(dweight, np.einsum("nhwcij,nhwo->ijco", windows, y), rtol=1e-10, atol=1e-9)
    np.testing.assert_allclose(dbias, y.sum(axis=(0, 1, 2)), rtol=1e-10)


@pytest.mark.parametrize("most", [1, 60, 1000])
@pytest.mark.parametrize(("shape", "c_out", "kernel_size", "stride", "padding"), CASES, ids=IDS)
def test_rows_of_windows_at_a_time(shape, c_out, kernel_size, stride, padding, most, monkeypatch) -> None:
    """As a large image is done, on small ones: another number of columns, the same results."""
    x, weight, bias = arrays(shape, c_out, kernel_size, np.float64)

    def results() -> list[np.ndarray]:
        y = im2col.conv2d_forward(x, weight, bias, stride, padding)
        dx = im2col.conv2d_backward_input(y, weight, x.shape, stride, padding)
        return [y, dx, *im2col.conv2d_backward_weight(x, y, kernel_size, stride, padding)]

    whole, sizes = results(), []
    columns_of = im2col.im2col
    monkeypatch.setattr(im2col, "im2col", lambda *given: sizes.append(columns_of(*given)) or sizes[-1])
    monkeypatch.setattr(im2col, "MOST_COLUMNS", most)
    for got, expected in zip(results(), whole, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-12)
    row_of_windows = whole[0].shape[2] * weight[..., 0].size
    assert all(columns.size <= max(most, row_of_windows) for columns in sizes)


@pytest.mark.parametrize("stride", [(1, 1), (2, 3)])
def test_a_large_picture_takes_the_memory_that_is_promised(stride: tuple[int, int]) -> None:
    """Columns: 32 MB. Once: 9 times the picture, 9 * 27 MB."""
    x, weight, bias = arrays((1, 1500, 1500, 3), 4, (3, 3), np.float32)
    y = im2col.conv2d_forward(x, weight, bias, stride, (1, 1))
    passes = [
        (y.nbytes, lambda: im2col.conv2d_forward(x, weight, bias, stride, (1, 1))),
        (weight.nbytes, lambda: im2col.conv2d_backward_weight(x, y, (3, 3), stride, (1, 1))),
        (0, lambda: im2col.conv2d_backward_input(y, weight, x.shape, stride, (1, 1))),
    ]
    padded = x.nbytes * 1.01  # of x, or dx before its border is cut off
    for result, compute in passes:
        tracemalloc.start()
        compute()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < result + padded + 4 * im2col.MOST_COLUMNS + 3e6


def test_a_large_picture_has_the_same_bits_on_any_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(im2col, "MOST_COLUMNS", 40_000)
    x, weight, bias = arrays((2, 200, 150, 3), 8, (3, 3), np.float32)
    results = []
    for threads in (1, 2, 3):
        set_threads(threads)
        y = im2col.conv2d_forward(x, weight, bias, (1, 1), (1, 1))
        dweight, dbias = im2col.conv2d_backward_weight(x, y, (3, 3), (1, 1), (1, 1))
        dx = im2col.conv2d_backward_input(y, weight, x.shape, (1, 1), (1, 1))
        results.append([array.tobytes() for array in (y, dweight, dbias, dx)])
    set_threads(None)
    assert results[0] == results[1] == results[2]
