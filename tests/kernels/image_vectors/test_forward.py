"""The direct convolution + ReLU + pooling, forward and backward, against the textbook loops."""

from __future__ import annotations

import numpy as np
import pytest

from nnscratch.kernels import loops
from nnscratch.kernels.image_vectors import backward, forward, layout
from nnscratch.kernels.memory import empty

# (images, height, width, c_in, (k_h, k_w), c_out)
CASES = [
    (1, 7, 9, 1, (3, 3), 2),
    (3, 8, 6, 2, (2, 3), 5),
    (16, 7, 8, 3, (2, 2), 3),
    (16, 6, 7, 1, (5, 5), 1),  # one window
    (1, 6, 6, 5, (5, 4), 4),
    (3, 4, 4, 4, (1, 1), 7),
    (2, 3, 3, 1, (3, 3), 2),  # too small for a window
    (2, 9, 3, 1, (3, 3), 2),  # too narrow for a window
    (1, 6, 44, 2, (2, 3), 4),  # a row of several vectors
    (17, 5, 6, 1, (4, 1), 4),  # a vector of images and one more
    (16, 5, 31, 1, (2, 2), 6),  # a row of several tiles and of more than one chunk
    (1, 4, 205, 1, (1, 4), 2),
]
TOLERANCE = {np.float32: {"rtol": 1e-4, "atol": 1e-4}, np.float64: {"rtol": 1e-12, "atol": 1e-12}}


def expected(x, weight, bias, dy):
    """y, argmax (N, H_p, W_p, O), dx, dweight, dbias from the loops."""
    conv = loops.conv2d_forward(x, weight, bias, (1, 1), (0, 0))
    rectified = loops.relu_forward(conv)
    y = loops.max_pool2d_forward(rectified, (2, 2), (2, 2))
    dconv = loops.relu_backward(conv, loops.max_pool2d_backward(rectified, dy, (2, 2), (2, 2)))
    return y, *loops.conv2d_backward(x, weight, dconv, (1, 1), (0, 0))


def computed(x, weight, bias, dy):
    """The same from the direct kernels, all images in one block."""
    n, height, width, c_in = x.shape
    _, h_pooled, w_pooled, c_out = dy.shape
    block = empty((c_in, height, width * n), x.dtype)
    layout.pack(x, n, block)
    y_block, dy_block = (empty((c_out, h_pooled, w_pooled * n), x.dtype) for _ in range(2))
    argmax = np.full(y_block.shape, 77, np.uint8)
    forward.forward(block, weight, bias, n, y_block, argmax)
    layout.pack(dy, n, dy_block)
    dx_block, dweight, dbias = np.full_like(block, 9), np.full_like(weight, 9), np.full_like(bias, 9)
    backward.backward_weight(block, dy_block, argmax, n, dweight, dbias)
    backward.backward_input(dy_block, argmax, weight, n, dx_block)
    y, dx = np.full_like(dy, 9), np.full_like(x, 9)
    layout.unpack(y_block, n, y)
    layout.unpack(dx_block, n, dx)
    return y, dx, dweight, dbias


def arrays(case, dtype, draw):
    n, height, width, c_in, (k_h, k_w), c_out = case
    x, weight, bias = draw((n, height, width, c_in)), draw((k_h, k_w, c_in, c_out)), draw((c_out,))
    dy = draw((n, max(0, (height - k_h + 1) // 2), max(0, (width - k_w + 1) // 2), c_out))
    return tuple(np.ascontiguousarray(a, dtype) for a in (x, weight, bias, dy))


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("numbers", ["normal", "ties"])
def test_equal_to_the_loops(case, dtype, numbers) -> None:
    rng = np.random.default_rng(1)
    draw = rng.standard_normal if numbers == "normal" else lambda shape: rng.integers(-1, 2, shape)
    given = arrays(case, dtype, draw)
    for got, want in zip(computed(*given), expected(*given), strict=True):
        assert got.dtype == dtype
        np.testing.assert_allclose(got, want, **TOLERANCE[dtype])


def test_no_output_above_zero() -> None:
    rng = np.random.default_rng(1)
    x, weight, bias, dy = arrays((3, 7, 7, 2, (2, 2), 3), np.float32, rng.standard_normal)
    bias[:] = -100
    for got in computed(x, weight, bias, dy):
        np.testing.assert_array_equal(got, 0)


@pytest.mark.parametrize("images", [1, 3, 16])
def test_argmax_is_the_first_place_of_the_maximum_or_4(images) -> None:
    windows = [[0, 0, 0, 0], [1, 1, 1, 1], [0, 2, 2, 2], [1, 1, 3, 3], [1, 2, 1, 5], [-1, -2, -1, -1], [-3, -1, 2, 1]]
    x = np.array(windows, np.float32).reshape(7, 2, 2).transpose(1, 0, 2).reshape(1, 2, 14, 1)
    block = np.empty((1, 2, 14 * images), np.float32)
    layout.pack(np.repeat(x, images, axis=0), images, block)
    y, argmax = np.empty((1, 1, 7 * images), np.float32), np.empty((1, 1, 7 * images), np.uint8)
    forward.forward(block, np.ones((1, 1, 1, 1), np.float32), np.zeros(1, np.float32), images, y, argmax)
    np.testing.assert_array_equal(argmax.reshape(7, images).T, [[4, 0, 1, 2, 3, 4, 2]] * images)
    np.testing.assert_array_equal(y.reshape(7, images).T, [[0, 1, 2, 3, 5, 0, 2]] * images)


@pytest.mark.parametrize("shape", [(1, 3, 5, 1), (16, 7, 9, 1), (16, 5, 7, 3), (3, 4, 4, 2), (35, 5, 5, 2)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_pack_moves_every_number_to_its_place_and_unpack_back(shape, dtype) -> None:
    n, height, width, channels = shape
    pictures = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    block = np.empty((channels, height, width * n), dtype)
    layout.pack(pictures, n, block)
    np.testing.assert_array_equal(block, pictures.transpose(3, 1, 2, 0).reshape(block.shape))
    back = np.zeros_like(pictures)
    layout.unpack(block, n, back)
    np.testing.assert_array_equal(back, pictures)


def test_nothing_outside_the_arrays_is_written_and_memory_need_not_be_aligned() -> None:
    rng = np.random.default_rng(1)
    x, weight, bias, dy = arrays((3, 7, 9, 1, (2, 2), 3), np.float32, rng.standard_normal)
    block = np.ascontiguousarray(x.transpose(3, 1, 2, 0)).reshape(1, 7, 27)
    shape = (3, 3, 12)
    y, argmax = np.full(3 * 3 * 12 + 40, 9, np.float32), np.full(3 * 3 * 12 + 40, 9, np.uint8)
    forward.forward(block, weight, bias, 3, y[19:-21].reshape(shape), argmax[19:-21].reshape(shape))
    for guarded in (y, argmax):
        assert (guarded[:19] == 9).all()
        assert (guarded[-21:] == 9).all()
    dx = np.full(189 + 40, 9, np.float32)
    dy_block = np.ascontiguousarray(dy.transpose(3, 1, 2, 0)).reshape(shape)
    backward.backward_input(dy_block, argmax[19:-21].reshape(shape), weight, 3, dx[19:-21].reshape(block.shape))
    assert (dx[:19] == 9).all()
    assert (dx[-21:] == 9).all()
    want = expected(x, weight, bias, dy)
    np.testing.assert_allclose(y[19:-21].reshape(3, 3, 4, 3).transpose(3, 1, 2, 0), want[0], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(dx[19:-21].reshape(7, 9, 3, 1).transpose(2, 0, 1, 3), want[1], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("images", [1, 16])
def test_a_nan_does_not_disappear(images) -> None:
    rng = np.random.default_rng(1)
    for row, column in np.ndindex(8, 8):
        x, weight, bias, dy = arrays((images, 9, 9, 1, (2, 2), 1), np.float32, rng.standard_normal)
        x[0, row, column] = np.nan
        assert np.isnan(computed(x, weight, bias, dy)[0]).any()


def test_the_same_bits_every_time() -> None:
    rng = np.random.default_rng(1)
    given = arrays((16, 12, 12, 2, (3, 3), 4), np.float32, rng.standard_normal)
    for first, second in zip(computed(*given), computed(*given), strict=True):
        np.testing.assert_array_equal(first, second)


def test_memory_that_is_not_contiguous_is_refused() -> None:
    x, y = np.ones((1, 8, 64), np.float32)[:, :, ::2], np.ones((1, 4, 16), np.float32)
    with pytest.raises(TypeError, match="contiguous"):
        forward.forward(x, np.ones((1, 1, 1, 1), np.float32), np.ones(1, np.float32), 4, y, np.ones(y.shape, np.uint8))
